package noun_test

import (
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// fired makes a schedule that is due at once and gives its task when that has ended.
func (w *world) fired(kind string, args map[string]any) *task.Row {
	w.t.Helper()
	s := w.made(w.post("task-schedules/", map[string]any{"name": kind, "task_name": kind, "task_args": args, "cron": "@yearly", "next_dispatch": "2001-01-01T00:00:00Z"}))
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		a, err := w.do("GET", s.get("pulp_href"), "application/json", strings.NewReader(""))
		must(w.t, err)
		if href, ok := a.body["last_task"].(string); ok {
			if a.get("missed") != "0" {
				w.t.Errorf("the schedule is %s", a.text)
			}
			return w.ended(idOf(href), task.Completed)
		}
		select {
		case <-again.C:
		case <-w.t.Context().Done():
			w.t.Fatalf("%s was not fired: %s", kind, a.text)
		}
	}
}

// What a task that waits is going to need stays, however little is protected.
func TestCleanUpLeavesWhatWaitingTasksNeed(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.made(w.post("repositories/test/test/", map[string]any{"name": "r"}))
		one, lost := w.unit("one"), w.unit("lost")
		w.made(w.form("artifacts/", "loose", nil))
		holder := w.holding(repo.get("prn"))
		w.until("tasks/"+holder.ID+"/", "state", "running")
		create, err := w.form("content/test/units/", "two", map[string]string{"relative_path": "two", "repository": repo.get("pulp_href")})
		must(t, err)
		modify, err := w.post(repo.get("pulp_href")+"modify/", map[string]any{"add_content_units": []string{one}})
		must(t, err)
		w.completed(w.post("orphans/cleanup/", map[string]any{"orphan_protection_time": 0}))
		if got := w.left("one", "two", "loose", "lost"); got != "one:uab two:ab loose: lost:" {
			t.Errorf("left are %s", got)
		}
		if n := w.rows("core_task_references"); n != 2 {
			t.Errorf("%d references", n)
		}
		if a, err := w.post(repo.get("pulp_href")+"modify/", map[string]any{"add_content_units": []string{lost}}); err != nil || a.status != 400 {
			t.Errorf("adding what is gone is answered %d %s, %v", a.status, a.text, err)
		}
		w.cancels(holder)
		for _, a := range []answer{create, modify} {
			w.completed(a, nil)
		}
		if n := w.rows("core_task_references"); n != 0 {
			t.Errorf("%d references are left", n)
		}
		if got := w.left("one", "two"); got != "one:uab two:uab" {
			t.Errorf("in the end there are %s", got)
		}
	})
}

// The longest protection that may be asked for protects.
func TestTheLongestProtection(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		unit := w.unit("kept")
		w.aged("core_contents", 48, idOf(unit))
		w.completed(w.post("orphans/cleanup/", map[string]any{"orphan_protection_time": 1<<32 - 1}))
		if got := w.left("kept"); got != "kept:uab" {
			t.Errorf("left are %s", got)
		}
	})
}

func TestUploadsThatNobodyFinishesGo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		stale, fresh, wanted := w.filled("stale"), w.filled("fresh"), w.filled("wanted")
		must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Model(&model.Upload{}).Where("id IN ?", []string{idOf(stale), idOf(wanted)}).Update("pulp_last_updated", model.Now().Add(-2*time.Hour)).Error
		}))
		holder := w.holding("prn:core.upload:" + idOf(wanted))
		w.until("tasks/"+holder.ID+"/", "state", "running")
		row := w.fired("pulpcore.app.tasks.orphan.upload_cleanup", map[string]any{"minutes": 60})
		for href, want := range map[string]bool{stale: false, fresh: true, wanted: true} {
			_, err := w.store.Storage.Stat(t.Context(), "upload/"+idOf(href))
			if status := w.get(href).status; (status == 200) != want || (err == nil) != want {
				t.Errorf("%s answers %d, its bytes: %v; there should be one: %t", href, status, err, want)
			}
		}
		if row.CreatedBy != nil || !strings.HasPrefix(row.LoggingCID, "schedule:") {
			t.Errorf("the task is %+v", row)
		}
		w.cancels(holder)
	})
}

func TestUpkeepInEachDomain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		old := w.ended(w.dispatched(looked()).ID, task.Completed)
		young := w.ended(w.dispatched(looked()).ID, task.Completed)
		must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Model(&task.Row{}).Where("id = ?", old.ID).Update("finished_at", model.Now().Add(-2*time.Hour)).Error
		}))
		row := w.fired("packhouse.upkeep.everywhere", map[string]any{"purge": true, "minutes": 60})
		var children []task.Row
		must(t, w.db.Read(t.Context()).Where("parent_task_id = ?", row.ID).Find(&children).Error)
		if len(children) != 1 || children[0].Name != "pulpcore.app.tasks.purge.purge" {
			t.Fatalf("the children are %+v", children)
		}
		w.ended(children[0].ID, task.Completed)
		if a, b := w.get("tasks/"+old.ID+"/").status, w.get("tasks/"+young.ID+"/").status; a != 404 || b != 200 {
			t.Errorf("the old task answers %d, the young one %d", a, b)
		}
	})
}
