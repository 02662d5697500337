package journey_test

import (
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// TestWhyATaskWaits: who may see a task learns what it waits for, and of other tasks no more than may be seen.
func TestWhyATaskWaits(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		user, err := auth.NewUsers(w.db, auth.NewHasher()).FindUser(t.Context(), plain)
		must(t, err)
		// No worker knows the kind of the holder, so that it stays where it is.
		holder, mine := w.waiting(t, "secret.kind", nil, true), w.waiting(t, "my.kind", &user.ID, false)
		vars := map[string]string{"u": "u" + ident.New()[24:], "holder": holder, "mine": mine}
		for _, s := range []step{
			{as: plain, do: "GET /tasks/{mine}/why/", status: 200, hasNot: []string{"{holder}", "secret.kind"}, has: []string{"another task"}, want: []string{
				`task = "prn:core.task:{mine}"`, `standing = "blocked"`, `waits_for.0.resource = "thing"`, `waits_for.0.tasks.0.task = null`, `waits_for.0.tasks.0.standing = "ready"`, `chain.0.kind = null`, `root = null`, `end = null`}},
			{as: plain, do: "GET /tasks/{holder}/why/", status: 404},
			{as: "nobody", do: "GET /tasks/{mine}/why/", status: 401},
			{do: "GET /tasks/{mine}/why/", status: 200, want: []string{`waits_for.0.tasks.0.task = "prn:core.task:{holder}"`, `chain.0.kind = "secret.kind"`, `root.queue.known = "no"`, `advice ~ have the plugin of that kind enabled`}},
			{do: "GET /tasks/{holder}/why/", status: 200, want: []string{`standing = "ready"`, `queue.workers = 1`, `likely_start = null`, `waits_for = []`}},
			{do: "PATCH /tasks/{mine}/", body: `{"state":"canceled"}`, status: 200},
			{do: "GET /tasks/{mine}/why/", status: 200, want: []string{`standing = "ended"`, `end.seconds = null`, `chain = []`}},
			{do: "GET /tasks/" + ident.New() + "/why/", status: 404},
		} {
			w.step(t, s.do, s, vars)
		}
	})
}

// waiting writes a task that wants one thing for itself; it holds it if it is ready.
func (w *world) waiting(t *testing.T, kind string, user *int64, ready bool) string {
	t.Helper()
	now, turn := model.Now(), int64(1)
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: kind, State: task.Waiting, Args: []byte("sealed"), Weight: 4, CreatedBy: user,
		ReservedResources: task.Strings{"thing"}, PulpCreated: now, PulpLastUpdated: now}
	if ready {
		row.UnblockedAt, row.SentAt, row.Turn = &now, &now, &turn
	}
	must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error {
		if err := tx.Create(row).Error; err != nil {
			return err
		}
		return tx.Create(&task.Lock{Resource: "thing", TaskSeq: row.Seq, Exclusive: true, Held: ready}).Error
	}))
	return row.ID
}
