package journey_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/plugins"
)

// rules are who may do what, on every route there is. A route that is missing here fails the tests: say who may use it.
func rules() map[string]auth.Rule {
	return map[string]auth.Rule{
		"GET ":              auth.Anyone,
		"GET status/":       auth.Anyone,
		"GET livez/":        auth.Anyone,
		"GET docs/api.json": auth.Anyone,
		"GET docs/api.yaml": auth.Anyone,
		"GET docs/":         auth.Anyone,
		"GET swagger/":      auth.Anyone,
		"POST login/":       auth.Authenticated,
		"GET login/":        auth.Authenticated,
		"PATCH login/":      auth.Authenticated,
		"DELETE login/":     auth.Authenticated,

		"POST token-exchange/": auth.Anyone, // the token in the body says who asks

		"GET users/":                        auth.Superusers,
		"POST users/":                       auth.Superusers,
		"GET users/{id}/":                   auth.Superusers,
		"PUT users/{id}/":                   auth.Superusers,
		"PATCH users/{id}/":                 auth.Superusers,
		"DELETE users/{id}/":                auth.Superusers,
		"GET users/{user}/roles/":           auth.Superusers,
		"POST users/{user}/roles/":          auth.Superusers,
		"GET users/{user}/roles/{id}/":      auth.Superusers,
		"DELETE users/{user}/roles/{id}/":   auth.Superusers,
		"GET groups/":                       "core.view_group",
		"POST groups/":                      "core.add_group",
		"GET groups/{id}/":                  "core.view_group",
		"PUT groups/{id}/":                  "core.change_group",
		"PATCH groups/{id}/":                "core.change_group",
		"DELETE groups/{id}/":               "core.delete_group",
		"GET groups/{id}/list_roles/":       "core.manage_roles_group",
		"POST groups/{id}/add_role/":        "core.manage_roles_group",
		"POST groups/{id}/remove_role/":     "core.manage_roles_group",
		"GET groups/{id}/my_permissions/":   "core.view_group",
		"GET groups/{group}/users/":         "core.view_group",
		"POST groups/{group}/users/":        "core.change_group",
		"DELETE groups/{group}/users/{id}/": "core.change_group",
		"GET groups/{group}/roles/":         "core.view_group",
		"POST groups/{group}/roles/":        auth.Superusers,
		"GET groups/{group}/roles/{id}/":    "core.view_group",
		"DELETE groups/{group}/roles/{id}/": auth.Superusers,
		"GET roles/":                        auth.Superusers,
		"POST roles/":                       auth.Superusers,
		"GET roles/{id}/":                   auth.Superusers,
		"PUT roles/{id}/":                   auth.Superusers,
		"PATCH roles/{id}/":                 auth.Superusers,
		"DELETE roles/{id}/":                auth.Superusers,
		"GET access_policies/":              auth.Superusers,
		"GET access_policies/{id}/":         auth.Superusers,
		"PUT access_policies/{id}/":         auth.Superusers,
		"PATCH access_policies/{id}/":       auth.Superusers,
		"POST access_policies/{id}/reset/":  auth.Superusers,

		"GET tokens/":         auth.Authenticated, // the user's own, as all of these
		"POST tokens/":        auth.Authenticated,
		"GET tokens/{id}/":    auth.Authenticated,
		"DELETE tokens/{id}/": auth.Authenticated,

		"GET audit/":        "core.view_auditentry",
		"GET audit/{id}/":   "core.view_auditentry",
		"GET audit/export/": "core.view_auditentry",
		"GET audit/verify/": "core.view_auditentry",

		"GET domains/":                   "core.view_domain",
		"POST domains/":                  "core.add_domain",
		"GET domains/{id}/":              "core.view_domain",
		"PUT domains/{id}/":              "core.change_domain",
		"PATCH domains/{id}/":            "core.change_domain",
		"DELETE domains/{id}/":           "core.delete_domain",
		"POST domains/{id}/set_label/":   "core.change_domain",
		"POST domains/{id}/unset_label/": "core.change_domain",
		"POST domains/migrate/":          "core.change_domain",

		"GET artifacts/":              "core.view_artifact",
		"POST artifacts/":             "core.add_artifact",
		"GET artifacts/{id}/":         "core.view_artifact",
		"DELETE artifacts/{id}/":      auth.Nobody,
		"GET uploads/":                "core.view_upload",
		"POST uploads/":               "core.add_upload",
		"GET uploads/{id}/":           "core.view_upload",
		"PUT uploads/{id}/":           "core.change_upload",
		"DELETE uploads/{id}/":        "core.delete_upload",
		"POST uploads/{id}/commit/":   "core.change_upload",
		"GET tasks/":                  "core.view_task",
		"GET tasks/{id}/":             "core.view_task",
		"PATCH tasks/{id}/":           "core.change_task",
		"DELETE tasks/{id}/":          "core.delete_task",
		"POST tasks/purge/":           "core.purge_task",
		"GET task-groups/":            "core.view_taskgroup",
		"GET task-groups/{id}/":       "core.view_taskgroup",
		"PATCH task-groups/{id}/":     "core.view_taskgroup", // and core.change_task of each of its tasks
		"GET remotes/":                "core.view_remote",
		"GET workers/":                "core.view_appstatus",
		"GET workers/{id}/":           "core.view_appstatus",
		"GET content/":                "core.view_content",
		"GET repositories/":           "core.view_repository",
		"GET repository_versions/":    "core.view_repositoryversion",
		"GET publications/":           "core.view_publication",
		"GET distributions/":          "core.view_distribution",
		"GET content/file/files/":     "file.view_filecontent",
		"POST content/file/files/":    "file.add_filecontent",
		"GET repositories/file/file/": "file.view_filerepository",

		"GET content/file/files/{id}/":              "file.view_filecontent",
		"POST content/file/files/upload/":           "file.upload_files",
		"POST content/file/files/{id}/set_label/":   "core.manage_content_labels",
		"POST content/file/files/{id}/unset_label/": "core.manage_content_labels",

		"POST repair/":                     "core.repair_artifact",
		"POST orphans/cleanup/":            "core.delete_orphans",
		"DELETE orphans/":                  "core.delete_orphans",
		"POST repositories/reclaim_space/": "core.reclaim_repository",

		"POST repositories/file/file/":                                       "file.add_filerepository",
		"GET repositories/file/file/{id}/":                                   "file.view_filerepository",
		"PUT repositories/file/file/{id}/":                                   "file.change_filerepository",
		"PATCH repositories/file/file/{id}/":                                 "file.change_filerepository",
		"DELETE repositories/file/file/{id}/":                                "file.delete_filerepository",
		"POST repositories/file/file/{id}/modify/":                           "file.modify_filerepository",
		"POST repositories/file/file/{id}/sync/":                             "file.sync_filerepository",
		"POST repositories/file/file/{id}/set_label/":                        "file.change_filerepository",
		"POST repositories/file/file/{id}/unset_label/":                      "file.change_filerepository",
		"GET repositories/file/file/{repository}/versions/":                  "file.view_filerepository",
		"GET repositories/file/file/{repository}/versions/{number}/":         "file.view_filerepository",
		"DELETE repositories/file/file/{repository}/versions/{number}/":      "file.delete_filerepository",
		"POST repositories/file/file/{repository}/versions/{number}/repair/": "file.repair_filerepository",

		"GET publications/file/file/":         "file.view_filepublication",
		"POST publications/file/file/":        "file.add_filepublication",
		"GET publications/file/file/{id}/":    "file.view_filepublication",
		"DELETE publications/file/file/{id}/": "file.delete_filepublication",

		"GET contentguards/": "core.view_contentguard",

		"GET contentguards/core/rbac/":         "core.view_rbaccontentguard",
		"POST contentguards/core/rbac/":        "core.add_rbaccontentguard",
		"GET contentguards/core/rbac/{id}/":    "core.view_rbaccontentguard",
		"PUT contentguards/core/rbac/{id}/":    "core.change_rbaccontentguard",
		"PATCH contentguards/core/rbac/{id}/":  "core.change_rbaccontentguard",
		"DELETE contentguards/core/rbac/{id}/": "core.delete_rbaccontentguard",

		"GET contentguards/core/composite/":         "core.view_compositecontentguard",
		"POST contentguards/core/composite/":        "core.add_compositecontentguard",
		"GET contentguards/core/composite/{id}/":    "core.view_compositecontentguard",
		"PUT contentguards/core/composite/{id}/":    "core.change_compositecontentguard",
		"PATCH contentguards/core/composite/{id}/":  "core.change_compositecontentguard",
		"DELETE contentguards/core/composite/{id}/": "core.delete_compositecontentguard",

		"GET contentguards/core/content_redirect/":         "core.view_contentredirectcontentguard",
		"POST contentguards/core/content_redirect/":        "core.add_contentredirectcontentguard",
		"GET contentguards/core/content_redirect/{id}/":    "core.view_contentredirectcontentguard",
		"PUT contentguards/core/content_redirect/{id}/":    "core.change_contentredirectcontentguard",
		"PATCH contentguards/core/content_redirect/{id}/":  "core.change_contentredirectcontentguard",
		"DELETE contentguards/core/content_redirect/{id}/": "core.delete_contentredirectcontentguard",

		"GET contentguards/core/header/":         "core.view_headercontentguard",
		"POST contentguards/core/header/":        "core.add_headercontentguard",
		"GET contentguards/core/header/{id}/":    "core.view_headercontentguard",
		"PUT contentguards/core/header/{id}/":    "core.change_headercontentguard",
		"PATCH contentguards/core/header/{id}/":  "core.change_headercontentguard",
		"DELETE contentguards/core/header/{id}/": "core.delete_headercontentguard",

		"GET contentguards/certguard/x509/":         "certguard.view_x509certguard",
		"POST contentguards/certguard/x509/":        "certguard.add_x509certguard",
		"GET contentguards/certguard/x509/{id}/":    "certguard.view_x509certguard",
		"PUT contentguards/certguard/x509/{id}/":    "certguard.change_x509certguard",
		"PATCH contentguards/certguard/x509/{id}/":  "certguard.change_x509certguard",
		"DELETE contentguards/certguard/x509/{id}/": "certguard.delete_x509certguard",

		"GET contentguards/certguard/rhsm/":         "certguard.view_rhsmcertguard",
		"POST contentguards/certguard/rhsm/":        "certguard.add_rhsmcertguard",
		"GET contentguards/certguard/rhsm/{id}/":    "certguard.view_rhsmcertguard",
		"PUT contentguards/certguard/rhsm/{id}/":    "certguard.change_rhsmcertguard",
		"PATCH contentguards/certguard/rhsm/{id}/":  "certguard.change_rhsmcertguard",
		"DELETE contentguards/certguard/rhsm/{id}/": "certguard.delete_rhsmcertguard",

		"GET distributions/file/file/":                   "file.view_filedistribution",
		"POST distributions/file/file/":                  "file.add_filedistribution",
		"GET distributions/file/file/{id}/":              "file.view_filedistribution",
		"PUT distributions/file/file/{id}/":              "file.change_filedistribution",
		"PATCH distributions/file/file/{id}/":            "file.change_filedistribution",
		"DELETE distributions/file/file/{id}/":           "file.delete_filedistribution",
		"POST distributions/file/file/{id}/set_label/":   "file.change_filedistribution",
		"POST distributions/file/file/{id}/unset_label/": "file.change_filedistribution",

		"GET remotes/file/file/":                   "file.view_fileremote",
		"POST remotes/file/file/":                  "file.add_fileremote",
		"GET remotes/file/file/{id}/":              "file.view_fileremote",
		"PUT remotes/file/file/{id}/":              "file.change_fileremote",
		"PATCH remotes/file/file/{id}/":            "file.change_fileremote",
		"DELETE remotes/file/file/{id}/":           "file.delete_fileremote",
		"POST remotes/file/file/{id}/set_label/":   "file.change_fileremote",
		"POST remotes/file/file/{id}/unset_label/": "file.change_fileremote",

		"GET remotes/file/git/":                   "file.view_filegitremote",
		"POST remotes/file/git/":                  "file.add_filegitremote",
		"GET remotes/file/git/{id}/":              "file.view_filegitremote",
		"PUT remotes/file/git/{id}/":              "file.change_filegitremote",
		"PATCH remotes/file/git/{id}/":            "file.change_filegitremote",
		"DELETE remotes/file/git/{id}/":           "file.delete_filegitremote",
		"POST remotes/file/git/{id}/set_label/":   "file.change_filegitremote",
		"POST remotes/file/git/{id}/unset_label/": "file.change_filegitremote",

		"GET acs/file/file/":               "file.view_filealternatecontentsource",
		"POST acs/file/file/":              "file.add_filealternatecontentsource",
		"GET acs/file/file/{id}/":          "file.view_filealternatecontentsource",
		"PUT acs/file/file/{id}/":          "file.change_filealternatecontentsource",
		"PATCH acs/file/file/{id}/":        "file.change_filealternatecontentsource",
		"DELETE acs/file/file/{id}/":       "file.delete_filealternatecontentsource",
		"POST acs/file/file/{id}/refresh/": "file.refresh_filealternatecontentsource",
	}
}

// declared are the operations of the whole API.
func declared() *api.Server {
	kinds := resource.NewRegistry()
	env := &resource.Env{Registry: kinds, Names: resource.Names{Root: "/pulp/", Content: "/pulp/content/", Kinds: kinds}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	registry := app.NewRegistry(plugins.All()...)
	return api.New(api.Options{Env: env, Operations: registry.Mount(env).Operations, Domain: ident.DefaultDomain, Versions: registry.Versions(), Log: env.Log})
}

func TestEveryRouteHasTheRuleOfTheTable(t *testing.T) {
	t.Parallel()
	left := rules()
	for _, op := range declared().Operations() {
		key := op.Method + " " + op.Route
		want, known := left[key]
		if !known {
			t.Errorf("%s is in no table: say in rules() who may use it", key)
			continue
		}
		if op.Rule != want {
			t.Errorf("%s is for %q, want %q", key, op.Rule, want)
		}
		delete(left, key)
	}
	for key := range left {
		t.Errorf("%s is in the table and not served", key)
	}
}

// TestEveryRouteRefuses asks every route for an object that is there: without log-in, and as a user without rights.
func TestEveryRouteRefuses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		objects := w.oneOfEach(t)
		for _, op := range declared().Operations() {
			path := root + op.Route
			if prefix, nested, found := strings.Cut(op.Route, "{"); found {
				id, known := objects[prefix]
				if !known {
					t.Errorf("no object stands under %s: add one to oneOfEach", prefix)
					continue
				}
				_, rest, _ := strings.Cut(nested, "}")
				path = root + prefix + id + strings.Replace(rest, "{number}", "0", 1)
			}
			nobody := w.do(t, w.request(t, step{as: "nobody", do: op.Method + " " + path}, nil)).Code
			other := w.do(t, w.request(t, step{as: plain, do: op.Method + " " + path}, nil)).Code
			switch op.Rule {
			case auth.Anyone:
				if nobody != http.StatusOK || other != http.StatusOK {
					t.Errorf("%s %s is open and answered %d and %d", op.Method, path, nobody, other)
				}
			case auth.Authenticated:
				if nobody != http.StatusUnauthorized || other >= 300 {
					t.Errorf("%s %s is for users and answered %d without log-in, %d to a user", op.Method, path, nobody, other)
				}
			default:
				if nobody != http.StatusUnauthorized || other != http.StatusForbidden {
					t.Errorf("%s %s answered %d without log-in, %d to a user without rights", op.Method, path, nobody, other)
				}
			}
		}
	})
}

// oneOfEach makes an object of every kind and gives their identities by the path that they stand under.
func (w *world) oneOfEach(t *testing.T) map[string]string {
	t.Helper()
	vars := map[string]string{"u": "each"}
	texts(vars)
	for i, s := range []step{
		{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
		{do: "POST " + files, parts: []part{{"file", "f", "{t1}"}, {"relative_path", "", "{u}"}}, status: 202, task: "completed", keep: map[string]string{"unit": "result.pulp_href", "artifact": "result.artifact", "task": "pulp_href"}},
		{do: "POST " + pubs, body: `{"repository":"{repo}"}`, status: 202, task: "completed", keep: map[string]string{"pub": "result.pulp_href"}},
		{do: "POST " + dists, body: `{"name":"{u}","base_path":"{u}"}`, status: 202, task: "completed", keep: map[string]string{"dist": "result.pulp_href"}},
		{do: "POST /uploads/", body: `{"size":1}`, status: 201, keep: map[string]string{"upload": "pulp_href"}},
		{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"http://a.example/","policy":"on_demand"}`, status: 201, keep: map[string]string{"remote": "pulp_href"}},
		{do: "POST " + gitRemotes, body: `{"name":"{u}git","url":"http://a.example/"}`, status: 201, keep: map[string]string{"git": "pulp_href"}},
		{do: "POST " + sources, body: `{"name":"{u}","remote":"{remote}"}`, status: 201, keep: map[string]string{"acs": "pulp_href"}},
		{do: "GET /workers/", status: 200, keep: map[string]string{"worker": "results.0.pulp_href"}},
	} {
		w.step(t, "object "+string(rune('a'+i)), s, vars)
	}
	objects := map[string]string{"task-groups/": w.group}
	for _, name := range []string{"repo", "unit", "artifact", "task", "pub", "dist", "upload", "worker", "remote", "git", "acs"} {
		path := strings.TrimSuffix(strings.TrimPrefix(vars[name], root), "/")
		at := strings.LastIndexByte(path, '/') + 1
		objects[path[:at]] = path[at:]
	}
	w.repository = objects["repositories/file/file/"]
	return objects
}
