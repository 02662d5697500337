package tasks

import (
	"fmt"
	"strings"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// claimNext makes up to places ready tasks ours to run, of which up to long may be long ones, in the order of their
// turns. Tasks that others are claiming at this moment are passed over. There is nothing to claim for a process that is
// taken for dead at the moment.
func (t *Tasks) claimNext(tx *db.Tx, name string, places, long int) ([]task.Row, error) {
	if places <= 0 {
		return nil, nil
	}
	var lanes []string
	var args []any
	for _, lane := range []struct {
		lane   task.Lane
		places int
	}{{task.LongLane, min(long, places)}, {task.ShortLane, places}} {
		if lane.places <= 0 {
			continue
		}
		one := "SELECT seq FROM core_tasks WHERE state = 'waiting' AND turn IS NOT NULL AND lane = ? AND name IN ? ORDER BY turn, seq LIMIT ?"
		if tx.Dialect() == db.Postgres {
			one += " FOR NO KEY UPDATE SKIP LOCKED"
		}
		lanes = append(lanes, "SELECT seq FROM ("+one+") l")
		args = append(args, lane.lane, append(t.Kinds(), ""), lane.places)
	}
	now := model.Now()
	args = append(args, places, task.Running, name, now, now, name)
	var rows []task.Row
	err := tx.Raw("WITH next AS MATERIALIZED ("+strings.Join(lanes, " UNION ALL ")+" LIMIT ?) "+`UPDATE core_tasks SET state = ?, worker = ?, started_at = ?, pulp_last_updated = ? WHERE seq IN (SELECT seq FROM next)
		AND EXISTS (SELECT 1 FROM core_app_statuses WHERE name = ?) RETURNING *`, args...).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("claim ready tasks: %w", err)
	}
	return rows, nil
}
