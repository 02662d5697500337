package noun_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// dispatched dispatches a task outside any request.
func (w *world) dispatched(a task.Args, o ...task.Option) *task.Row {
	w.t.Helper()
	var row *task.Row
	must(w.t, w.db.InTx(w.t.Context(), func(tx *db.Tx) (err error) {
		row, err = w.tasks.Dispatch(w.t.Context(), tx, a, o...)
		return err
	}))
	return row
}

// looked is a task that has nothing to do.
func looked() task.Args { return refresh{noun.Refresh{ACS: ident.New()}} }

// holding is a task that reserves something until it is canceled.
func (w *world) holding(what string, o ...task.Option) *task.Row {
	w.t.Helper()
	return w.dispatched(refresh{noun.Refresh{RepositoryPRN: what, Path: "hold"}}, o...)
}

func (w *world) ended(id string, want task.State) *task.Row {
	w.t.Helper()
	row, err := w.tasks.Wait(w.t.Context(), id)
	must(w.t, err)
	if row.State != want {
		w.t.Fatalf("the task is %s: %s", row.State, row.Error)
	}
	return row
}

// TestWhatComesIntoACanceledGroup dispatches into a group before, while and after it is canceled.
func TestWhatComesIntoACanceledGroup(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var group *task.GroupRow
		must(t, w.db.InTx(t.Context(), func(tx *db.Tx) (err error) {
			group, err = task.NewGroup(tx, ident.DefaultDomain, "g", 0)
			return err
		}))
		before := w.holding("a", task.Group(group.ID))
		behind := w.holding("a", task.Group(group.ID))
		w.until("tasks/"+before.ID+"/", "state", "running")
		href := "task-groups/" + group.ID + "/"
		if a, err := w.send("PATCH", href, map[string]any{"state": "canceled"}); err != nil || a.status != 200 || a.get("waiting") != "0" || a.get("running") != "0" {
			t.Errorf("%d %s, %v", a.status, a.text, err)
		}
		after := w.holding("b", task.Group(group.ID))
		if after.State != task.Canceled || after.FinishedAt == nil {
			t.Errorf("what came later is %s", after.State)
		}
		for _, row := range []*task.Row{before, behind, after} {
			w.ended(row.ID, task.Canceled)
		}
		if a := w.until(href, "canceled", "3"); a.get("canceling") != "0" || a.get("all_tasks_dispatched") != "true" {
			t.Errorf("the group: %s", a.text)
		}
		var locks int64
		must(t, w.db.Read(t.Context()).Model(&task.Lock{}).Count(&locks).Error)
		if locks != 0 {
			t.Errorf("%d locks are left", locks)
		}
	})
}

func TestATaskIsDeletedWhenItHasEnded(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		running, waiting := w.holding("a"), w.holding("a")
		child := w.dispatched(looked(), task.Parent(running.ID))
		w.until("tasks/"+running.ID+"/", "state", "running")
		for _, row := range []*task.Row{running, waiting} {
			a, err := w.do("DELETE", "tasks/"+row.ID+"/", "application/json", strings.NewReader(""))
			if err != nil || a.status != 409 || a.text != "" {
				t.Errorf("%s: %d %q, %v", row.State, a.status, a.text, err)
			}
		}
		for _, row := range []*task.Row{waiting, running} {
			path := "tasks/" + row.ID + "/"
			if a, err := w.send("PATCH", path, map[string]any{"state": "canceled"}); err != nil || a.status != 200 {
				t.Errorf("cancel: %d %s, %v", a.status, a.text, err)
			}
			w.ended(row.ID, task.Canceled)
			if a, err := w.send("PATCH", path, map[string]any{"state": "canceled"}); err != nil || a.status != 409 || a.get("state") != "canceled" || !strings.Contains(a.get("pulp_href"), row.ID) {
				t.Errorf("a second cancel: %d %s, %v", a.status, a.text, err)
			}
			if a, err := w.do("DELETE", path, "application/json", strings.NewReader("")); err != nil || a.status != 204 {
				t.Errorf("delete: %d %s, %v", a.status, a.text, err)
			}
		}
		w.ended(child.ID, task.Completed)
		if a := w.get("tasks/" + child.ID + "/"); a.body["parent_task"] != nil {
			t.Errorf("the child of a task that is gone says %s", a.text)
		}
	})
}

// TestAPurgeTakesWhatItsUserMayDelete changes what a user may do while his purge waits.
func TestAPurgeTakesWhatItsUserMayDelete(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		mine, other, parent := w.dispatched(looked()), w.dispatched(looked()), w.dispatched(looked())
		child := w.dispatched(looked(), task.Parent(parent.ID))
		for _, row := range []*task.Row{mine, other, parent, child} {
			w.ended(row.ID, task.Completed)
		}
		purge := func(user string) string {
			a, err := w.as(user).post("tasks/purge/", map[string]any{"finished_before": model.Now().Add(time.Hour).Format(time.RFC3339)})
			must(t, err)
			if a.status != 202 {
				t.Fatalf("purge: %d %s", a.status, a.text)
			}
			return idOf(a.get("task"))
		}
		gone := func() (out []string) {
			for name, row := range map[string]*task.Row{"mine": mine, "other": other, "parent": parent, "child": child} {
				if w.get("tasks/"+row.ID+"/").status == 404 {
					out = append(out, name)
				}
			}
			slices.Sort(out)
			return out
		}
		w.gives("helper", auth.Object{}, "core.delete_task")
		domain := resource.PRN("core.domain", ident.DefaultDomain)

		lock := w.holding(domain)
		limited := purge("helper")
		w.takesAll("helper")
		w.gives("helper", auth.Object{Model: "core.task", ID: mine.ID}, "core.delete_task")
		w.cancels(lock)
		w.ended(limited, task.Completed)
		if got := gone(); fmt.Sprint(got) != "[mine]" {
			t.Errorf("gone are %v", got)
		}

		w.gives("helper", auth.Object{}, "core.delete_task")
		lock = w.holding(domain)
		late := purge("helper")
		must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error {
			if err := tx.Exec("UPDATE core_users SET is_active = FALSE WHERE username = 'helper'").Error; err != nil {
				return err
			}
			return auth.Changed(tx)
		}))
		w.cancels(lock)
		if row := w.ended(late, task.Failed); !strings.Contains(string(row.Error), "no longer active") {
			t.Errorf("who is gone purges: %s", row.Error)
		}

		must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_tasks SET finished_at = ? WHERE id = ?", model.Now().Add(100*time.Hour), child.ID).Error
		}))
		w.ended(purge("admin"), task.Completed)
		if got := gone(); fmt.Sprint(got) != "[mine other parent]" {
			t.Errorf("gone are %v", got)
		}
		if a := w.get("tasks/" + child.ID + "/"); a.body["parent_task"] != nil {
			t.Errorf("the child of a purged task says %s", a.text)
		}
		var roles int64
		must(t, w.db.Read(t.Context()).Raw("SELECT count(*) FROM core_role_assignments WHERE model = 'core.task'").Scan(&roles).Error)
		if roles != 0 {
			t.Errorf("%d roles on purged tasks are left", roles)
		}
	})
}

// takesAll takes all roles of a user.
func (w *world) takesAll(user string) {
	w.t.Helper()
	must(w.t, w.db.InTx(w.t.Context(), func(tx *db.Tx) error {
		if err := tx.Exec("DELETE FROM core_role_assignments WHERE user_id = (SELECT id FROM core_users WHERE username = ?)", user).Error; err != nil {
			return err
		}
		return auth.Changed(tx)
	}))
}

func (w *world) cancels(row *task.Row) {
	w.t.Helper()
	if _, err := w.tasks.Cancel(w.t.Context(), row.ID); err != nil {
		w.t.Fatal(err)
	}
	w.ended(row.ID, task.Canceled)
}

// TestWorkersShowWhatTheyRun also hides it from who may not see tasks.
func TestWorkersShowWhatTheyRun(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		one, two := w.holding("a"), w.holding("b")
		for _, row := range []*task.Row{one, two} {
			w.until("tasks/"+row.ID+"/", "state", "running")
		}
		w.gives("helper", auth.Object{}, "core.view_appstatus")
		hrefs := []any{"/pulp/api/v3/tasks/" + one.ID + "/", "/pulp/api/v3/tasks/" + two.ID + "/"}
		check := func(user string, want ...any) {
			t.Helper()
			list := w.as(user).get("workers/?online=true")
			if list.get("count") != "1" {
				t.Fatalf("%s: %d %s", user, list.status, list.text)
			}
			worker := list.body["results"].([]any)[0].(map[string]any)
			read := w.as(user).get(worker["pulp_href"].(string)).body
			for _, shown := range []map[string]any{worker, read} {
				var first any
				if len(want) > 0 {
					first = want[0]
				}
				if fmt.Sprint(shown["current_tasks"]) != fmt.Sprint(append([]any{}, want...)) || shown["current_task"] != first {
					t.Errorf("%s sees %v and %v", user, shown["current_task"], shown["current_tasks"])
				}
				if shown["concurrency"] != float64(8) || !strings.Contains(shown["name"].(string), "@") {
					t.Errorf("%v", shown)
				}
			}
		}
		check("admin", hrefs...)
		check("helper")
		w.gives("helper", auth.Object{Model: "core.task", ID: two.ID}, "core.view_task")
		check("helper", hrefs[1])
		for _, row := range []*task.Row{one, two} {
			w.cancels(row)
		}
		w.until("workers/?online=true&missing=false", "count", "1")
		for _, none := range []string{"workers/?online=false", "workers/?missing=true"} {
			w.until(none, "count", "0")
		}
	})
}

// TestATaskRunsOnWithoutItsUser deactivates and deletes the users who asked for tasks that wait.
func TestATaskRunsOnWithoutItsUser(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var user auth.User
		must(t, w.db.Read(t.Context()).Where("username = 'helper'").Take(&user).Error)
		ask := func() *task.Row {
			ctx := task.WithOrigin(t.Context(), task.Origin{UserID: &user.ID})
			var row *task.Row
			must(t, w.db.InTx(ctx, func(tx *db.Tx) (err error) {
				row, err = w.tasks.Dispatch(ctx, tx, refresh{noun.Refresh{RepositoryPRN: "a", ACS: ident.New()}})
				return err
			}))
			return row
		}
		for _, change := range []string{"UPDATE core_users SET is_active = FALSE WHERE id = ?", "DELETE FROM core_users WHERE id = ?"} {
			lock := w.holding("a")
			row := ask()
			must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec(change, user.ID).Error }))
			w.cancels(lock)
			w.ended(row.ID, task.Completed)
		}
		if a := w.get("tasks/?name=test.refresh&state=completed"); a.get("count") != "2" || !strings.Contains(a.text, `"created_by":null`) {
			t.Errorf("%s", a.text)
		}
	})
}
