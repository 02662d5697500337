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
	asked := false
	row, settled, err := t.settle(ctx, id, func(tx *db.Tx, row *task.Row) (verdict, bool, error) {
		asked = row.State == task.Running
		if !asked {
			return verdict{state: task.Canceled}, row.State == task.Waiting, nil
		}
		row.State, row.PulpLastUpdated = task.Canceling, model.Now()
		err := tx.Exec("UPDATE core_tasks SET state = ?, pulp_last_updated = ? WHERE seq = ?", row.State, row.PulpLastUpdated, row.Seq).Error
		return verdict{}, false, err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("cancel task %s: %w", id, err)
	case asked:
		t.wake(id)
	case row.Final() && !settled:
		return row, errs.New(errs.Conflict, "task %s has ended already, it is %s", id, row.State)
	}
	return row, nil
}

// wake has the row of a running task looked at soon, here and in the other processes; who does not hear it looks
// within a second anyway.
func (t *Tasks) wake(id string) {
	if t.running.cancel(id, errCanceled) {
		return
	}
	go func() {
		if err := t.queue.cancel(id); err != nil {
			t.log.Info("the cancel could not be announced, the worker will see it in the row", "task", id, "error", err)
		}
	}()
}
