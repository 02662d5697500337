package tasks

import (
	"context"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// claim makes a ready task ours to run. It gives nil when there is nothing to claim: somebody else was faster, the
// task was canceled, or this process is taken for dead at the moment.
func (t *Tasks) claim(ctx context.Context, id, name string) (*task.Row, error) {
	var rows []task.Row
	err := t.db.InTx(ctx, func(tx *db.Tx) error {
		now := model.Now()
		rows = nil
		return tx.Raw(`UPDATE core_tasks SET state = ?, worker = ?, started_at = ?, pulp_last_updated = ?
			WHERE id = ? AND state = ? AND unblocked_at IS NOT NULL
			AND EXISTS (SELECT 1 FROM core_app_statuses WHERE name = ?) RETURNING *`,
			task.Running, name, now, now, id, task.Waiting, name).Scan(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return nil, wrap(err, "claim task %s", id)
	}
	return &rows[0], nil
}
