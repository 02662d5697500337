package journey_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
)

// persona is somebody with rights that are written down here by hand.
type persona struct {
	name string
	// as logs him in, as a step wants it; bearer does so with a token that is good for the permissions in scope.
	as     string
	bearer string
	scope  string
	// superuser may what nobody is forbidden.
	superuser bool
	// everywhere, inDomain and onObjects are his permissions by the level at which he has them.
	everywhere, inDomain, onObjects []string
	// owns tells that the objects are his.
	owns bool
}

// The models of the table whose objects have roles, in domains and outside of them, and those with roles of the tests.
func shared() []string {
	return []string{"core.upload", "core.task", "core.taskschedule", "core.artifact", "core.rbaccontentguard", "core.compositecontentguard", "core.contentredirectcontentguard", "core.headercontentguard", "file.filerepository",
		"file.fileremote", "file.filegitremote", "file.filepublication", "file.filedistribution", "file.filealternatecontentsource"}
}

func certguards() []string { return []string{"certguard.x509certguard", "certguard.rhsmcertguard"} }

// permits are permissions by verbs and models.
func permits(verbs string, models ...string) (all []string) {
	for _, verb := range strings.Fields(verbs) {
		for _, model := range models {
			app, name, _ := strings.Cut(model, ".")
			if one := app + "." + verb + "_" + name; !slices.Contains(unknown(), one) {
				all = append(all, one)
			}
		}
	}
	return all
}

// unknown are permissions that nothing asks for.
func unknown() []string {
	return []string{"core.change_artifact", "core.delete_artifact", "file.change_filepublication", "core.add_taskschedule", "core.change_taskschedule", "core.delete_taskschedule"}
}

// personas are all who ask; their passwords are the word of the tests.
func personas() []persona {
	objects := slices.Concat(shared(), []string{"core.group", "core.domain"}, certguards())
	whole := slices.Concat(permits("add view change delete manage_roles", slices.Concat(shared(), certguards())...), []string{"core.view_appstatus", "core.view_task_profile_artifacts", "core.manage_content_labels", "file.upload_files",
		"core.delete_orphans", "core.repair_artifact", "core.reclaim_repository", "file.modify_filerepository", "file.sync_filerepository", "file.repair_filerepository", "file.refresh_filealternatecontentsource"})
	return []persona{
		{name: "anonymous", as: "nobody"},
		{name: "plain"},
		{name: "viewer", onObjects: permits("view", objects...)},
		{name: "editor", everywhere: slices.Concat(permits("view change", objects...), []string{"file.modify_filerepository", "file.sync_filerepository", "file.repair_filerepository", "file.refresh_filealternatecontentsource"})},
		{name: "owner", owns: true, everywhere: permits("add", slices.Concat(shared(), []string{"core.group"})...), onObjects: slices.Concat(permits("view change delete manage_roles", slices.Concat(shared(), []string{"core.group", "core.domain"})...),
			permits("view change delete", certguards()...), []string{"core.view_task_profile_artifacts", "file.modify_filerepository", "file.sync_filerepository", "file.repair_filerepository", "file.refresh_filealternatecontentsource"})},
		{name: "domainadmin", inDomain: whole},
		{name: "foreigner"},
		{name: "admin", as: admin + ":" + adminPassword, superuser: true},
		{name: "reader", superuser: true, scope: "view_"},
	}
}

// holds tells whether he has a permission, on the objects or where there is none.
func (p *persona) holds(permission string, site, onObject bool) bool {
	_, code, _ := strings.Cut(permission, ".")
	switch {
	case p.superuser:
		return strings.HasPrefix(code, p.scope)
	case slices.Contains(p.everywhere, permission), !site && slices.Contains(p.inDomain, permission):
		return true
	}
	return onObject && slices.Contains(p.onObjects, permission)
}

// sees tells whether he sees the object of a route.
func (p *persona) sees(x expectation) bool {
	sight := x.sight
	if sight == nil {
		view, _ := x.may("view").Permission()
		sight = []string{view}
	}
	return len(sight) == 0 || slices.ContainsFunc(sight, func(one string) bool {
		if one == "own@core.token" {
			return p.owns || p.superuser
		}
		permission, _, _ := strings.Cut(one, "@")
		return p.holds(permission, x.site, true)
	})
}

// The classes of answers; allowed is whatever is none of the others.
const (
	allowed  = 0
	loginFor = 401
	refusal  = 403
	unseen   = 404
)

// expects is how a request for a route of the table is to be answered.
func (p *persona) expects(x expectation, method, route string) int {
	nested := strings.Contains(route, "{")
	switch {
	case x.rule == auth.Anyone:
		return allowed
	case x.rule == bySignature: // and none is sent
		return refusal
	case p.as == "nobody":
		return loginFor
	case x.rule == auth.Superusers && x.on == "" && (x.sight != nil || !nested):
		return permitted(p.superuser && p.scope == "")
	case nested && !p.sees(x):
		return unseen
	}
	permission, named := x.rule.Permission()
	switch {
	case x.rule == auth.Nobody:
		return refusal
	case x.rule == auth.Superusers:
		return permitted(p.superuser && p.scope == "")
	case x.rule == auth.Authenticated: // of the account; what else a token may not do there is told after the body was read
		return permitted(p.scope == "" || x.letter != 'D' && method+route != "POSTlogin/")
	case !named, x.letter == 'L' && len(x.sight) != 0, x.letter == 'L' && x.sight == nil:
		return allowed
	}
	return permitted(p.holds(permission, x.site, nested))
}

func permitted(yes bool) int {
	if yes {
		return allowed
	}
	return refusal
}

// people makes the users of the personas and gives them what they have by themselves.
func (m *matrix) people(t *testing.T) {
	t.Helper()
	do := func(s step) { t.Helper(); m.step(t, "make people: "+s.do, s, m.vars) }
	quoted := func(names []string) string { return `["` + strings.Join(names, `","`) + `"]` }
	for i := range m.personas {
		p := &m.personas[i]
		if p.as != "" {
			continue
		}
		name := p.name + m.vars["u"]
		p.as = name + ":" + word
		if p.scope != "" {
			p.as = "nobody"
			do(step{do: "POST {at}/tokens/", body: `{"name":"` + name + `","permissions":["*.` + p.scope + `*"]}`, status: 201, keep: map[string]string{p.name: "token"}})
			p.bearer = "Bearer " + m.vars[p.name]
			p.as = "token"
			continue
		}
		do(step{do: "POST {at}/users/", body: `{"username":"` + name + `","password":"` + word + `"}`, status: 201, keep: map[string]string{p.name: "pulp_href"}})
		roles := []string{}
		for _, model := range append(shared(), "core.group") {
			if p.owns && model != "core.task" && model != "core.taskschedule" {
				roles = append(roles, model+"_creator")
			}
		}
		if p.name == "editor" {
			do(step{do: "POST {at}/roles/", body: `{"name":"` + name + `","permissions":` + quoted(p.everywhere) + `}`, status: 201})
			roles = append(roles, name)
		}
		for _, role := range roles {
			if role != "file.filepublication_creator" || p.owns {
				do(step{do: "POST {" + p.name + "}roles/", body: `{"role":"` + role + `","content_object":null}`, status: 201})
			}
		}
	}
	for name, domain := range map[string]string{"domainadmin": m.domain, "foreigner": m.foreign} {
		if domain != "" {
			do(step{do: "POST {" + name + "}roles/", body: `{"role":"core.domain_admin","content_object":null,"domain":"` + domain + `"}`, status: 201})
		}
	}
	for _, verbs := range []string{"view", "view change delete"} {
		do(step{do: "POST {at}/roles/", body: `{"name":"` + strings.ReplaceAll(verbs, " ", "") + m.vars["u"] + `","permissions":` + quoted(permits(verbs, certguards()...)) + `}`, status: 201})
	}
}

// share gives viewers and owners what creating gave nobody.
func (m *matrix) share(t *testing.T, o *objects, names ...string) {
	t.Helper()
	give := func(name, role, prn string) {
		m.step(t, "share "+prn, step{do: "POST {" + name + "}roles/", body: `{"role":"` + role + `","content_object_prn":"` + prn + `"}`, status: 201}, m.vars)
	}
	for _, name := range names {
		kind := map[string]string{"viewer": "view", "owner": "viewchangedelete"}[name]
		for _, guard := range []string{"x509", "rhsm"} {
			give(name, kind+m.vars["u"], o.vars[guard+"_prn"])
		}
		give(name, "core.taskschedule_"+name, o.vars["schedule_prn"]) // which the admin makes
		if o == m.main || m.foreign != "" {                           // the default domain is the same for all sets
			give(name, "core.domain_"+name, o.vars["domain_prn"])
		}
		if name == "viewer" {
			for _, one := range []string{"repo", "artifact", "task", "pub", "dist", "upload", "remote", "git", "acs", "rbac", "composite", "redirect", "header", "team"} {
				prn := o.vars[one+"_prn"]
				model := strings.Split(prn, ":")[1]
				give(name, model+"_viewer", prn)
			}
		}
	}
}
