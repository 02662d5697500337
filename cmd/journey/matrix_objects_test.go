package journey_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// objects are one object of every kind: its identity by the route of its kind up to that identity, such as
// "repositories/file/file/" and "repositories/file/file/{repository}/versions/".
type objects struct {
	// at is what the routes stand below.
	at  string
	ids map[string]string
	// vars are what the steps kept that made the objects.
	vars map[string]string
}

// oneOfEach makes an object of every kind.
func (w *world) oneOfEach(t *testing.T) *objects {
	t.Helper()
	return w.objectsOf(t, "", root)
}

// objectsOf makes the objects that users make as one, the others as the admin. Where the path names a domain they are there.
func (w *world) objectsOf(t *testing.T, owner, at string) *objects {
	t.Helper()
	o := &objects{at: at, ids: map[string]string{}, vars: map[string]string{"u": "e" + ident.New()[24:], "at": strings.TrimSuffix(at, "/")}}
	texts(o.vars)
	cert, _ := certificate(t)
	o.vars["cert"] = strings.ReplaceAll(cert, "\n", `\n`)
	for _, s := range append(append(madeByUsers(), madeByAdmins()...), w.domainOf(at)) {
		if s.as == "own" {
			s.as = owner
		}
		w.step(t, "make an object: "+s.do, s, o.vars)
	}
	w.taskGroup(t, o)
	for name, prefix := range madeAt() {
		o.ids[prefix] = o.vars[name]
		if path := strings.TrimSuffix(o.vars[name], "/"); strings.HasPrefix(path, "/") {
			o.ids[prefix] = path[strings.LastIndexByte(path, '/')+1:]
		}
	}
	o.ids["repositories/file/file/{repository}/versions/"] = "1"
	o.ids["distributions/core/artifacts/"] = "00000000-0000-7000-8000-000000000002" // the one that there is
	o.ids["tasks/{id}/profile_artifacts/"] = "memory_profile"
	return o
}

// madeAt are the routes under which the objects stand that the steps keep by name.
func madeAt() map[string]string {
	return map[string]string{"repo": "repositories/file/file/", "unit": "content/file/files/", "artifact": "artifacts/", "task": "tasks/", "group": "task-groups/", "schedule": "task-schedules/", "pub": "publications/file/file/",
		"dist": "distributions/file/file/", "upload": "uploads/", "worker": "workers/", "remote": "remotes/file/file/", "git": "remotes/file/git/", "acs": "acs/file/file/",
		"rbac": "contentguards/core/rbac/", "composite": "contentguards/core/composite/", "redirect": "contentguards/core/content_redirect/", "header": "contentguards/core/header/",
		"x509": "contentguards/certguard/x509/", "rhsm": "contentguards/certguard/rhsm/", "domain": "domains/", "entry": "audit/", "token": "tokens/", "user": "users/", "team": "groups/",
		"role": "roles/", "policy": "access_policies/", "userrole": "users/{user}/roles/", "teamrole": "groups/{group}/roles/", "user_id": "groups/{group}/users/"}
}

func madeByUsers() []step {
	keep := func(name string) map[string]string { return map[string]string{name: "pulp_href", name + "_prn": "prn"} }
	made := func(name, path, body string) step {
		return step{as: "own", do: "POST {at}/" + path, body: body, status: 201, keep: keep(name)}
	}
	later := func(name, path, body string) step {
		return step{as: "own", do: "POST {at}/" + path, body: body, status: 202, task: "completed", keep: map[string]string{name: "result.pulp_href", name + "_prn": "result.prn", "task": "pulp_href", "task_prn": "prn"}}
	}
	return []step{
		made("repo", "repositories/file/file/", `{"name":"{u}"}`),
		{as: "own", do: "POST {at}/artifacts/", parts: []part{{"file", "f", "{t1}"}}, status: 201, keep: keep("artifact")},
		later("unit", "content/file/files/", `{"relative_path":"{u}","artifact":"{artifact}","repository":"{repo}"}`),
		later("pub", "publications/file/file/", `{"repository":"{repo}"}`),
		later("dist", "distributions/file/file/", `{"name":"{u}","base_path":"{u}"}`),
		made("upload", "uploads/", `{"size":1}`),
		made("remote", "remotes/file/file/", `{"name":"{u}","url":"http://a.example/","policy":"on_demand"}`),
		made("git", "remotes/file/git/", `{"name":"{u}git","url":"http://a.example/"}`),
		made("acs", "acs/file/file/", `{"name":"{u}","remote":"{remote}"}`),
		made("rbac", "contentguards/core/rbac/", `{"name":"{u}r"}`),
		made("redirect", "contentguards/core/content_redirect/", `{"name":"{u}s"}`),
		made("header", "contentguards/core/header/", `{"name":"{u}h","header_name":"x-a","header_value":"b"}`),
		made("composite", "contentguards/core/composite/", `{"name":"{u}c","guards":["{header}"]}`),
		{as: "own", do: "POST {at}/groups/", body: `{"name":"{u}"}`, status: 201, keep: keep("team")},
		made("token", "tokens/", `{"name":"{u}","permissions":["core.view_task"]}`),
	}
}

func madeByAdmins() []step {
	made := func(name, path, body string) step {
		return step{do: "POST {at}/" + path, body: body, status: 201, keep: map[string]string{name: "pulp_href", name + "_prn": "prn"}}
	}
	first := func(name, path string) step {
		return step{do: "GET {at}/" + path + "?limit=1", status: 200, keep: map[string]string{name: "results.0.pulp_href"}}
	}
	return []step{
		{do: "POST {at}/users/", body: `{"username":"{u}"}`, status: 201, keep: map[string]string{"user": "pulp_href", "user_id": "id"}},
		{do: "POST {team}users/", body: `{"username":"{u}"}`, status: 201},
		{do: "POST {user}roles/", body: `{"role":"core.upload_creator","content_object":null}`, status: 201, keep: map[string]string{"userrole": "pulp_href"}},
		{do: "POST {team}roles/", body: `{"role":"core.upload_creator","content_object":null}`, status: 201, keep: map[string]string{"teamrole": "pulp_href"}},
		made("role", "roles/", `{"name":"{u}","permissions":["file.view_filerepository"]}`),
		made("x509", "contentguards/certguard/x509/", `{"name":"{u}x","ca_certificate":"{cert}"}`), made("rhsm", "contentguards/certguard/rhsm/", `{"name":"{u}y","ca_certificate":"{cert}"}`),
		made("schedule", "task-schedules/", `{"name":"{u}","task_name":"pulpcore.app.tasks.repository.repair_all_artifacts","dispatch_interval":"1 00:00:00"}`),
		first("policy", "access_policies/"), first("worker", "workers/"), first("entry", "audit/"),
	}
}

var domainInPath = regexp.MustCompile(`^/pulp/[^/]+/api/v3/$`)

// domainOf makes a domain where there are some; otherwise it is the default one.
func (w *world) domainOf(at string) step {
	if at == root || !domainInPath.MatchString(at) {
		return step{do: "GET {at}/domains/?name=default", status: 200, keep: map[string]string{"domain": "results.0.pulp_href", "domain_prn": "results.0.prn"}}
	}
	return step{do: "POST {at}/domains/", body: `{"name":"{u}",` + folderClass + `,"storage_settings":{"MEDIA_ROOT":"` + w.places + `/shared"}}`, status: 201, keep: map[string]string{"domain": "pulp_href", "domain_prn": "prn"}}
}

// taskGroup makes what no request makes yet: a task group, of the task.
func (w *world) taskGroup(t *testing.T, o *objects) {
	t.Helper()
	id := strings.TrimPrefix(o.vars["task_prn"], "prn:core.task:")
	must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error {
		var domain string
		if err := tx.Table("core_tasks").Where("id = ?", id).Pluck("domain_id", &domain).Error; err != nil {
			return err
		}
		base := model.NewBase(domain)
		o.vars["group"] = o.vars["at"] + "/task-groups/" + base.ID + "/"
		if err := tx.Create(&task.GroupRow{Base: base, Description: "of a test"}).Error; err != nil {
			return err
		}
		return tx.Table("core_tasks").Where("id = ?", id).Update("task_group_id", base.ID).Error
	}))
}

// path puts the identities of the objects into a route.
func (o *objects) path(t *testing.T, route string) string {
	t.Helper()
	prefix, path := "", ""
	for _, segment := range strings.SplitAfter(route, "/") {
		if strings.HasPrefix(segment, "{") {
			id, known := o.ids[prefix]
			if !known {
				t.Fatalf("no object stands under %s: add one to objectsOf", prefix)
			}
			path += id + "/"
		} else {
			path += segment
		}
		prefix += segment
	}
	return path
}

// without gives the objects with one replaced that is not there: the last one of a route.
func (o *objects) without(route string) *objects {
	at := strings.LastIndexByte(route, '{')
	other := &objects{at: o.at, ids: map[string]string{}, vars: o.vars}
	for prefix, id := range o.ids {
		if prefix == route[:at] {
			id = absent(id)
		}
		other.ids[prefix] = id
	}
	return other
}

// absent is an identity like another one, that nothing has.
func absent(id string) string {
	if strings.Contains(id, "-") {
		return ident.New()
	}
	return strings.Repeat("9", 7)
}
