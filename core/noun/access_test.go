package noun_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
)

func (w *world) get(path string) answer {
	w.t.Helper()
	a, err := w.do("GET", path, "application/json", strings.NewReader(""))
	must(w.t, err)
	return a
}

// as is the same world, asked by another user.
func (w *world) as(user string) *world {
	other := *w
	other.user = user
	return &other
}

func TestWhoCreatesAnObjectOwnsIt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		helper := w.as("helper")
		foreign := w.made(w.post("repositories/test/test/", map[string]any{"name": "foreign"}))
		if a, err := helper.post("repositories/test/test/", map[string]any{"name": "mine"}); err != nil || a.status != 403 {
			t.Errorf("without a role: %d %s, %v", a.status, a.text, err)
		}
		w.gives("helper", auth.Object{}, "test.add_testrepository")
		mine := helper.made(helper.post("repositories/test/test/", map[string]any{"name": "mine"}))
		if a := helper.get("repositories/test/test/"); a.get("count") != "1" {
			t.Errorf("the list shows %s", a.text)
		}
		for href, want := range map[string]int{mine.get("pulp_href"): 200, foreign.get("pulp_href"): 404, foreign.get("pulp_href") + "my_permissions/": 404, foreign.get("pulp_href") + "list_roles/": 404} {
			if a := helper.get(href); a.status != want {
				t.Errorf("%s: %d %s, want %d", href, a.status, a.text, want)
			}
		}
		want := `{"permissions":["test.add_testrepository","test.change_testrepository","test.delete_testrepository","test.manage_roles_testrepository","test.modify_testrepository","test.repair_testrepository","test.view_testrepository"]}`
		if a := helper.get(mine.get("pulp_href") + "my_permissions/"); a.text != want {
			t.Errorf("the permissions are %s", a.text)
		}
		if a := helper.get(mine.get("pulp_href") + "list_roles/"); a.text != `{"roles":[{"role":"test.testrepository_owner","users":["helper"],"groups":[]}]}` {
			t.Errorf("the roles are %s", a.text)
		}
	})
}

func TestRolesOnAnObjectChangeForAllOrForNone(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(&auth.Group{Name: "red"}).Error }))
		href := w.made(w.post("repositories/test/test/", map[string]any{"name": "r"})).get("pulp_href")
		const viewer, owner = "test.testrepository_viewer", "test.testrepository_owner"
		begin := w.get(href + "list_roles/").text
		for _, c := range []struct {
			action string
			role   any
			users  []string
			groups []string
			want   int
		}{
			{"add_role", viewer, []string{"helper", "nobody"}, nil, 400},
			{"add_role", viewer, []string{"helper"}, []string{"none"}, 400},
			{"add_role", "unknown", []string{"helper"}, nil, 400},
			{"add_role", "core.upload_viewer", []string{"helper"}, nil, 400},
			{"add_role", nil, []string{"helper"}, nil, 400},
			{"add_role", owner, []string{"helper", "admin"}, nil, 400}, // admin has it
			{"remove_role", viewer, []string{"helper"}, nil, 400},
			{"remove_role", owner, []string{"admin", "helper"}, nil, 400},
		} {
			body := map[string]any{"role": c.role, "users": c.users}
			if c.groups != nil {
				body["groups"] = c.groups
			}
			a, err := w.post(href+c.action+"/", body)
			if now := w.get(href + "list_roles/").text; err != nil || a.status != c.want || now != begin {
				t.Errorf("%+v: %d %s, %v; now %s", c, a.status, a.text, err, now)
			}
		}
		both := map[string]any{"role": viewer, "users": []string{"helper"}, "groups": []string{"red"}}
		if a, err := w.post(href+"add_role/", both); err != nil || a.status != 201 || a.text != `{"users":["helper"],"groups":["red"],"role":"test.testrepository_viewer"}` {
			t.Errorf("%d %s, %v", a.status, a.text, err)
		}
		helper := w.as("helper")
		if a, err := helper.post(href+"add_role/", both); err != nil || a.status != 403 {
			t.Errorf("who may look gives roles: %d %s, %v", a.status, a.text, err)
		}
		if a := helper.get(href); a.status != 200 {
			t.Errorf("the role does not count: %d", a.status)
		}
		if a, err := w.post(href+"remove_role/", both); err != nil || a.status != 201 || w.get(href+"list_roles/").text != begin {
			t.Errorf("%d %s, %v", a.status, a.text, err)
		}
		if a := helper.get(href); a.status != 404 {
			t.Errorf("the role still counts: %d", a.status)
		}
	})
}

func TestCreationHooks(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(&auth.Group{Name: "red"}).Error }))
		edit := func(hooks string) {
			must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error {
				if err := tx.Exec("UPDATE core_access_policies SET creation_hooks = ?, customized = TRUE WHERE viewset_name = 'repositories/test/test'", hooks).Error; err != nil {
					return err
				}
				return auth.Changed(tx)
			}))
		}
		for i, c := range []struct {
			hooks string
			want  string
		}{
			{`[]`, `{"roles":[]}`},
			{`[{"function":"add_roles_for_users","parameters":{"roles":"test.testrepository_viewer","users":["helper"]}}]`, `{"roles":[{"role":"test.testrepository_viewer","users":["helper"],"groups":[]}]}`},
			{`[{"function":"add_roles_for_groups","parameters":{"roles":["test.testrepository_owner"],"groups":"red"}},{"function":"add_roles_for_object_creator","parameters":{"roles":"test.testrepository_owner"}}]`,
				`{"roles":[{"role":"test.testrepository_owner","users":["admin"],"groups":["red"]}]}`},
		} {
			edit(c.hooks)
			made := w.made(w.post("repositories/test/test/", map[string]any{"name": fmt.Sprint("r", i)}))
			a := w.get(made.get("pulp_href") + "list_roles/")
			if a.text != c.want {
				t.Errorf("%s gave %s, want %s", c.hooks, a.text, c.want)
			}
		}
		edit(`[{"function":"add_roles_for_users","parameters":{"roles":"test.testrepository_viewer","users":"gone"}}]`)
		if a, err := w.post("repositories/test/test/", map[string]any{"name": "none"}); err != nil || a.status != 400 || !strings.Contains(a.text, "gone") {
			t.Errorf("a hook for a user who is gone: %d %s, %v", a.status, a.text, err)
		}
		if a := w.get("repositories/test/test/?name=none"); a.get("count") != "0" {
			t.Errorf("what the hook refused is there: %s", a.text)
		}
	})
}

func TestWhoDispatchesATaskOwnsIt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		helper := w.as("helper")
		w.gives("helper", auth.Object{}, "test.add_testrepository")
		mine := helper.made(helper.post("repositories/test/test/", map[string]any{"name": "mine"}))
		row, err := helper.finished(helper.do("DELETE", mine.get("pulp_href"), "application/json", strings.NewReader("")))
		must(t, err)
		_, err = w.finished(w.do("DELETE", w.made(w.post("repositories/test/test/", map[string]any{"name": "other"})).get("pulp_href"), "application/json", strings.NewReader("")))
		must(t, err)
		if a := helper.get("tasks/"); a.get("count") != "1" {
			t.Errorf("the list shows %s", a.text)
		}
		href := "tasks/" + row.ID + "/"
		if a := helper.get(href + "list_roles/"); a.text != `{"roles":[{"role":"core.task_owner","users":["helper"],"groups":[]}]}` {
			t.Errorf("the roles are %d %s", a.status, a.text)
		}
		permissions, _ := helper.get(href + "my_permissions/").body["permissions"].([]any)
		if len(permissions) != 5 || !slices.Contains(permissions, any("core.delete_task")) {
			t.Errorf("the permissions are %v", permissions)
		}
		if a, err := helper.post(href+"add_role/", map[string]any{"role": "core.task_user_dispatcher", "users": []string{"admin"}}); err != nil || a.status != 400 {
			t.Errorf("%d %s, %v", a.status, a.text, err)
		}
	})
}
