package tasks

import (
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/task"
)

// TestBacklogTellsWhatTasksWaitFor puts rows of every sort beside each other.
func TestBacklogTellsWhatTasksWaitFor(t *testing.T) {
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.machine()
		empty, err := m.Backlog(t.Context())
		must(t, err)
		if empty != (Backlog{}) {
			t.Errorf("nothing waits: %+v", empty)
		}
		now, turn := db.Now(), int64(1)
		ago, long := now.Add(-time.Hour), now.Add(-9*time.Hour)
		rows := []task.Row{
			{State: task.Waiting}, {State: task.Waiting}, {State: task.Waiting},
			{State: task.Waiting, UnblockedAt: &now}, {State: task.Waiting, UnblockedAt: &long, SentAt: &long},
			{State: task.Waiting, UnblockedAt: &ago, SentAt: &ago, Turn: &turn},
			{State: task.Running, UnblockedAt: &ago, SentAt: &ago, Turn: &turn}, {State: task.Canceling, UnblockedAt: &ago},
			{State: task.Completed, UnblockedAt: &ago, Turn: &turn, FinishedAt: &now}, {State: task.Canceled, FinishedAt: &now},
		}
		for i := range rows {
			r := &rows[i]
			r.ID, r.DomainID, r.Name, r.Args, r.PulpCreated, r.PulpLastUpdated = ident.New(), ident.DefaultDomain, "test.job", []byte{0}, now, now
		}
		must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(&rows).Error }))
		got, err := m.Backlog(t.Context())
		must(t, err)
		if got.Resources != 3 || got.Cap != 2 || got.Worker != 1 || got.Oldest < time.Hour || got.Oldest > 2*time.Hour {
			t.Errorf("the backlog is %+v", got)
		}
	})
}
