package journey_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/plugins"
)

// endpoint is what stands under a path and who may do what there, written down by hand in the terms of the contract
// (rest-contract §1.18, §2.0). A route that follows from no endpoint fails the tests: say here who may use it.
type endpoint struct {
	path, model string
	// verbs are the methods: List, Create, Read, Update by PUT, by PATCH, Delete.
	verbs string
	// roles tells that objects have the four actions over roles.
	roles bool
	// actions are further operations: method, rest of the path, and the verb of the permission, a permission or a rule.
	actions []string
	// sight are the permissions, each with the model of the object on which it is needed, one of which shows objects; the
	// model's own when nil. Lists then show to all users what they see.
	sight []string
	// on is the model of the parent on which permissions are needed, for what is nested; the list then is the parent's.
	on string
	// site marks what belongs to no domain.
	site bool
	// rules are those of letters of verbs that no permission of the model's stands for.
	rules map[byte]auth.Rule
}

// The rules of the table that are no permissions and no words of core/auth.
const (
	bySight auth.Rule = "sight"   // whoever sees the object may
	byBody  auth.Rule = "payload" // what the body names decides
	// bySignature lets through who has an address that was signed, whoever that is.
	bySignature auth.Rule = "signature"
)

func endpoints() []endpoint {
	label := []string{"POST {id}/set_label/ change", "POST {id}/unset_label/ change"}
	admins := func(letters string) map[byte]auth.Rule { return ruled(letters, auth.Superusers) }
	repository, group := "file.view_filerepository@file.filerepository", "core.view_group@core.group"
	all := []endpoint{
		{path: "artifacts/", model: "core.artifact", verbs: "LCRD", roles: true, sight: []string{"core.view_artifact@core.artifact", repository}, rules: map[byte]auth.Rule{'R': bySight, 'D': auth.Nobody}},
		{path: "uploads/", model: "core.upload", verbs: "LCRUD", roles: true, actions: []string{"POST {id}/commit/ change"}},
		{path: "tasks/", model: "core.task", verbs: "LRPD", roles: true, actions: []string{"GET {id}/why/ view", "GET {id}/logs/ view", "GET {id}/profile_artifacts/ core.view_task_profile_artifacts", "GET {id}/profile_artifacts/{name}/ signature", "POST purge/ core.delete_task"}},
		{path: "task-schedules/", model: "core.taskschedule", verbs: "LCRUPD", roles: true, rules: admins("CUPD")},
		{path: "task-groups/", model: "core.taskgroup", verbs: "LRP", sight: []string{"core.view_task@core.task"}, rules: ruled("RP", bySight)},
		{path: "content/file/files/", model: "file.filecontent", verbs: "LCR", sight: []string{repository}, rules: map[byte]auth.Rule{'R': bySight, 'C': byBody},
			actions: []string{"POST upload/ file.upload_files", "GET {id}/downloads/ sight", "POST {id}/set_label/ core.manage_content_labels", "POST {id}/unset_label/ core.manage_content_labels"}},
		{path: "repositories/file/file/", model: "file.filerepository", verbs: "LCRUPD", roles: true, actions: append([]string{"POST {id}/modify/ modify", "POST {id}/sync/ sync"}, label...)},
		{path: "repositories/file/file/{repository}/versions/", model: "core.repositoryversion", verbs: "LRD", on: "file.filerepository", sight: []string{repository},
			actions: []string{"POST {number}/repair/ repair"}},
		{path: "remotes/file/file/", model: "file.fileremote", verbs: "LCRUPD", roles: true, actions: label},
		{path: "remotes/file/git/", model: "file.filegitremote", verbs: "LCRUPD", roles: true, actions: label},
		{path: "acs/file/file/", model: "file.filealternatecontentsource", verbs: "LCRUPD", roles: true, actions: []string{"POST {id}/refresh/ refresh"}},
		{path: "publications/file/file/", model: "file.filepublication", verbs: "LCRD", roles: true},
		{path: "distributions/file/file/", model: "file.filedistribution", verbs: "LCRUPD", roles: true, actions: label},
		{path: "contentguards/core/rbac/", model: "core.rbaccontentguard", verbs: "LCRUPD", roles: true},
		{path: "contentguards/core/composite/", model: "core.compositecontentguard", verbs: "LCRUPD", roles: true},
		{path: "distributions/core/artifacts/", model: "core.artifactdistribution", verbs: "LR"},
		{path: "contentguards/core/content_redirect/", model: "core.contentredirectcontentguard", verbs: "LCRUPD", roles: true},
		{path: "contentguards/core/header/", model: "core.headercontentguard", verbs: "LCRUPD", roles: true},
		{path: "contentguards/certguard/x509/", model: "certguard.x509certguard", verbs: "LCRUPD"},
		{path: "contentguards/certguard/rhsm/", model: "certguard.rhsmcertguard", verbs: "LCRUPD"},
		{path: "domains/", model: "core.domain", verbs: "LCRUPD", site: true, roles: true, actions: append([]string{"POST migrate/ change"}, label...)},
		{path: "audit/", model: "core.auditentry", verbs: "LR", site: true, actions: []string{"GET export/ view", "GET verify/ view"}},
		{path: "workers/", model: "core.appstatus", verbs: "LR", site: true, sight: []string{}},
		{path: "tokens/", model: "core.token", verbs: "LCRD", site: true, sight: []string{"own@core.token"}, rules: ruled("LCRD", auth.Authenticated)},
		{path: "users/", model: "auth.user", verbs: "LCRUPD", site: true, sight: []string{}, rules: admins("LCRUPD")},
		{path: "users/{user}/roles/", model: "core.userrole", verbs: "LCRD", site: true, sight: []string{}, rules: admins("LCRD")},
		{path: "roles/", model: "core.role", verbs: "LCRUPD", site: true, sight: []string{}, rules: admins("LCRUPD")},
		{path: "access_policies/", model: "core.accesspolicy", verbs: "LRUP", site: true, sight: []string{}, rules: admins("LRUP"), actions: []string{"POST {id}/reset/ admin"}},
		{path: "groups/", model: "core.group", verbs: "LCRUPD", site: true, roles: true},
		{path: "groups/{group}/users/", model: "core.groupuser", verbs: "LCD", site: true, on: "core.group", sight: []string{group}, rules: ruled("CD", "core.change_group")},
		{path: "groups/{group}/roles/", model: "core.grouprole", verbs: "LCRD", site: true, on: "core.group", sight: []string{group}, rules: admins("CD")},
		{path: "", actions: []string{"GET  anyone", "GET status/ anyone", "GET livez/ anyone", "GET docs/api.json anyone", "GET docs/api.yaml anyone", "GET docs/ anyone", "GET swagger/ anyone",
			"POST token-exchange/ anyone", // the token in the body says who asks
			"POST login/ authenticated", "GET login/ authenticated", "PATCH login/ authenticated", "DELETE login/ authenticated",
			"POST repair/ core.repair_artifact", "POST orphans/cleanup/ core.delete_orphans", "DELETE orphans/ core.delete_orphans", "POST repositories/reclaim_space/ core.reclaim_repository"}},
	}
	for _, path := range []string{"content/", "repositories/", "repository_versions/", "publications/", "distributions/", "remotes/", "contentguards/"} {
		all = append(all, endpoint{path: path, model: "core." + generic()[path], verbs: "L"})
	}
	return all
}

// generic are the models of the lists of everything of a noun.
func generic() map[string]string {
	return map[string]string{"content/": "content", "repositories/": "repository", "repository_versions/": "repositoryversion", "publications/": "publication",
		"distributions/": "distribution", "remotes/": "remote", "contentguards/": "contentguard"}
}

func ruled(letters string, rule auth.Rule) map[byte]auth.Rule {
	rules := map[byte]auth.Rule{}
	for _, letter := range []byte(letters) {
		rules[letter] = rule
	}
	return rules
}

// expectation is what the table says of one route.
type expectation struct {
	endpoint
	// rule is what is needed beside seeing the object; onObject that there is one.
	rule     auth.Rule
	onObject bool
	// letter is that of verbs, 0 for actions.
	letter byte
}

// expectations are the routes of the table by method and route.
func expectations() map[string]expectation {
	all := map[string]expectation{}
	for _, e := range endpoints() {
		key := "{id}/"
		if strings.HasSuffix(e.path, "/versions/") {
			key = "{number}/"
		}
		for _, letter := range []byte(e.verbs) {
			route, x := e.path, expectation{e, e.ruleOf(letter), strings.IndexByte("RUPD", letter) >= 0, letter}
			if x.onObject {
				route += key
			}
			all[map[byte]string{'L': "GET ", 'C': "POST ", 'R': "GET ", 'U': "PUT ", 'P': "PATCH ", 'D': "DELETE "}[letter]+route] = x
		}
		actions := e.actions
		if e.roles {
			actions = append([]string{"GET {id}/list_roles/ manage_roles", "POST {id}/add_role/ manage_roles", "POST {id}/remove_role/ manage_roles", "GET {id}/my_permissions/ sight"}, actions...)
		}
		for _, action := range actions {
			words := strings.Split(action, " ")
			rule := auth.Rule(words[2])
			if _, named := rule.Permission(); !named && e.model != "" && rule != bySight && rule != bySignature && rule != auth.Superusers {
				rule = e.may(words[2])
			}
			all[words[0]+" "+e.path+words[1]] = expectation{e, rule, strings.HasPrefix(words[1], "{"), 0}
		}
	}
	return all
}

func (e endpoint) ruleOf(letter byte) auth.Rule {
	if rule, irregular := e.rules[letter]; irregular {
		return rule
	}
	return e.may(map[byte]string{'L': "view", 'C': "add", 'R': "view", 'U': "change", 'P': "change", 'D': "delete"}[letter])
}

// may is the permission of a verb, on the parent's model for what is nested.
func (e endpoint) may(verb string) auth.Rule {
	model := e.model
	if e.on != "" {
		model = e.on
	}
	app, name, _ := strings.Cut(model, ".")
	return auth.Rule(app + "." + verb + "_" + name)
}

// declared are the operations of the whole API.
func declared() *api.Server {
	kinds := resource.NewRegistry()
	env := &resource.Env{Registry: kinds, Names: resource.Names{Root: "/pulp/", Content: "/pulp/content/", Kinds: kinds}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	registry := app.NewRegistry(plugins.All()...)
	return api.New(api.Options{Env: env, Operations: registry.Mount(env).Operations, Domain: ident.DefaultDomain, Versions: registry.Versions(), Log: env.Log})
}

// declaredRule is what the declaration of a route must say: what is decided by sight or by the body is declared as what
// the endpoint's policy is derived from.
func (x expectation) declaredRule() auth.Rule {
	switch {
	case x.rule == byBody:
		return auth.Authenticated
	case x.rule == bySight:
		return x.may("view")
	case x.rule == bySignature:
		return auth.Anyone
	}
	return x.rule
}

func TestEveryRouteHasTheRuleOfTheTable(t *testing.T) {
	t.Parallel()
	left := expectations()
	for _, op := range declared().Operations() {
		key := op.Method + " " + op.Route
		want, known := left[key]
		if !known {
			t.Errorf("%s is in no table: say in endpoints() who may use it", key)
			continue
		}
		if op.Rule != want.declaredRule() {
			t.Errorf("%s is for %q, want %q", key, op.Rule, want.declaredRule())
		}
		delete(left, key)
	}
	for key := range left {
		t.Errorf("%s is in the table and not served", key)
	}
}
