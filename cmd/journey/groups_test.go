package journey_test

import (
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// TestAGroupShowsWhatMayBeSeen: who may see one of its tasks sees the group with its counts, but not the other tasks.
func TestAGroupShowsWhatMayBeSeen(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		user, err := auth.NewUsers(w.db, auth.NewHasher()).FindUser(t.Context(), plain)
		must(t, err)
		vars := map[string]string{"group": w.group, "mine": w.memberOf(t, "my.kind", &user.ID), "other": w.memberOf(t, "secret.kind", nil)}
		for _, s := range []step{
			{as: plain, do: "GET /task-groups/{group}/", status: 200, hasNot: []string{"{other}", "secret.kind"}, want: []string{`completed = 2`, `tasks.# = 1`, `tasks.0.prn = "prn:core.task:{mine}"`}},
			{as: plain, do: "GET /task-groups/", status: 200, hasNot: []string{"{other}", "secret.kind"}, want: []string{`count = 1`, `results.0.completed = 2`, `results.0.tasks.# = 1`}},
			{do: "GET /task-groups/{group}/", status: 200, want: []string{`completed = 2`, `tasks.*.name = ["my.kind","secret.kind"]`}},
			{as: plain, do: "PATCH /task-groups/{group}/", body: `{"state":"canceled"}`, status: 403, about: "also for those that are not shown"},
		} {
			w.step(t, s.do, s, vars)
		}
	})
}

// memberOf writes a task of the world's group that has completed.
func (w *world) memberOf(t *testing.T, kind string, user *int64) string {
	t.Helper()
	now := model.Now()
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: kind, State: task.Completed, Args: []byte("sealed"), CreatedBy: user, TaskGroupID: &w.group, StartedAt: &now, FinishedAt: &now, PulpCreated: now, PulpLastUpdated: now}
	must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(row).Error }))
	return row.ID
}
