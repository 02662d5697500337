package tasks

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// Cancel ends a waiting task and asks a running one to stop; see task.Canceler.
func (t *Tasks) Cancel(ctx context.Context, id string) (*task.Row, error) {
	by := canceledBy{name: task.OriginFrom(ctx).Asker}
	asked, told := false, t.interrupt(ctx, id, by)
	// A task that has ended is not changed: then the audit log must not say, with that transaction, that it was done.
	var judged *db.Tx
	ctx = db.AlongIf(ctx, func(tx *db.Tx) bool { return tx == judged })
	row, settled, err := t.settle(ctx, id, func(tx *db.Tx, row *task.Row) (verdict, bool, error) {
		judged = tx
		asked = row.State == task.Running
		if row.State == task.Waiting {
			return verdict{state: task.Canceled}, true, task.NoteLater(tx, id, slog.LevelInfo.String(), by.request())
		}
		if !asked {
			return verdict{}, false, nil
		}
		return verdict{}, false, t.request(tx, row, by)
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("cancel task %s: %w", id, err)
	case asked:
		t.wake(id, by)
	case row.Final() && !settled && !(told && row.State == task.Canceled):
		return row, errs.New(errs.Conflict, "task %s has ended already, it is %s", id, row.State)
	}
	return row, nil
}

// request writes that a running task is to be canceled, for whoever runs it: that one keeps the log too.
func (t *Tasks) request(tx *db.Tx, row *task.Row, by canceledBy) error {
	now := model.Now()
	limit := now.Add(t.o.CancelLimit)
	row.State, row.PulpLastUpdated, row.CancelBy = task.Canceling, now, &limit
	if by.name != "" {
		row.CanceledBy = &by.name
	}
	return tx.Exec("UPDATE core_tasks SET state = ?, pulp_last_updated = ?, cancel_by = ?, canceled_by = ? WHERE seq = ?", row.State, now, limit, row.CanceledBy, row.Seq).Error
}

// interrupt ends the context of a task that runs in this process. That comes before the row says so: the work may be in the
// middle of a transaction that keeps others from writing, as all do in the embedded database.
func (t *Tasks) interrupt(ctx context.Context, id string, by canceledBy) bool {
	row, err := t.load(ctx, id)
	return err == nil && row.State == task.Running && t.running.cancel(id, by)
}

// wake has the row of a running task looked at soon, here and in the other processes; who does not hear it looks
// within a second anyway.
func (t *Tasks) wake(id string, by canceledBy) {
	if !t.running.cancel(id, by) {
		t.bell.cancel(id)
	}
}
