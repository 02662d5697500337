package tasks

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// Cancel ends a waiting task and asks a running one to stop; see task.Canceler.
func (t *Tasks) Cancel(ctx context.Context, id string) (*task.Row, error) {
	asked, told := false, t.interrupt(ctx, id)
	row, settled, err := t.settle(ctx, id, func(tx *db.Tx, row *task.Row) (verdict, bool, error) {
		asked = row.State == task.Running
		if !asked {
			return verdict{state: task.Canceled}, row.State == task.Waiting, nil
		}
		now := model.Now()
		by := now.Add(t.o.CancelLimit)
		row.State, row.PulpLastUpdated, row.CancelBy = task.Canceling, now, &by
		err := tx.Exec("UPDATE core_tasks SET state = ?, pulp_last_updated = ?, cancel_by = ? WHERE seq = ?", row.State, now, by, row.Seq).Error
		return verdict{}, false, err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("cancel task %s: %w", id, err)
	case asked:
		t.wake(id)
	case row.Final() && !settled && !(told && row.State == task.Canceled):
		return row, errs.New(errs.Conflict, "task %s has ended already, it is %s", id, row.State)
	}
	return row, nil
}

// interrupt ends the context of a task that runs in this process. That comes before the row says so: the work may be in the
// middle of a transaction that keeps others from writing, as all do in the embedded database.
func (t *Tasks) interrupt(ctx context.Context, id string) bool {
	row, err := t.load(ctx, id)
	return err == nil && row.State == task.Running && t.running.cancel(id, errCanceled)
}

// wake has the row of a running task looked at soon, here and in the other processes; who does not hear it looks
// within a second anyway.
func (t *Tasks) wake(id string) {
	if !t.running.cancel(id, errCanceled) {
		t.bell.cancel(id)
	}
}
