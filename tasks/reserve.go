package tasks

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// A task is ready when no conflicting one holds its resources, whatever its number (a lower number may be committed
// later), and no conflicting one with a lower number waits for them. Held are the resources of ready, running and
// canceling tasks; the locks of finished tasks are gone. So a task may start unless one of these finds a row, each by
// an index of its own and however many unrelated tasks share a resource (all share their domain):
// a lower number on what I want exclusively, a holder of what I want exclusively, a lower number that wants
// exclusively what I want, an exclusive holder of what I want.
const blockedBy = `(m.exclusive AND EXISTS (SELECT 1 FROM core_task_locks o WHERE o.resource = m.resource AND o.task_seq < m.task_seq)
 OR m.exclusive AND EXISTS (SELECT 1 FROM core_task_locks o WHERE o.resource = m.resource AND o.held AND o.task_seq <> m.task_seq)
 OR EXISTS (SELECT 1 FROM core_task_locks o WHERE o.resource = m.resource AND o.exclusive AND o.task_seq < m.task_seq)
 OR EXISTS (SELECT 1 FROM core_task_locks o WHERE o.resource = m.resource AND o.held AND o.exclusive AND o.task_seq <> m.task_seq))`

const blocked = `SELECT EXISTS (SELECT 1 FROM core_task_locks m WHERE m.task_seq = ? AND ` + blockedBy + `)`

// unblock examines one waiting task and makes it ready if it may start; it gives its row then, else nil. Decisions
// about conflicting tasks follow one another, each seeing what the ones before have committed: so no two conflicting
// tasks are ready, and of two that wait for each other's decision the later one sees all.
func (t *Tasks) unblock(ctx context.Context, seq int64) (*task.Row, error) {
	var ready []task.Row
	err := t.db.InTx(ctx, func(tx *db.Tx) error {
		ready = nil
		if free, err := decide(tx, seq); err != nil || !free {
			return err
		}
		now := model.Now()
		err := tx.Raw(`UPDATE core_tasks SET unblocked_at = ?, sent_at = ?, pulp_last_updated = ?
			WHERE seq = ? AND state = ? AND unblocked_at IS NULL RETURNING *`, now, now, now, seq, task.Waiting).Scan(&ready).Error
		if err != nil || len(ready) == 0 {
			return err
		}
		return tx.Exec("UPDATE core_task_locks SET held = TRUE WHERE task_seq = ?", seq).Error
	})
	if err != nil || len(ready) == 0 {
		return nil, wrap(err, "make task number %d ready", seq)
	}
	return &ready[0], nil
}

// decide tells whether the task may start, and keeps that true until the end of the transaction.
func decide(tx *db.Tx, seq int64) (bool, error) {
	var locks []task.Lock
	if err := tx.Where("task_seq = ?", seq).Find(&locks).Error; err != nil {
		return false, err
	}
	var exclusive, shared []string
	for _, l := range locks {
		if l.Exclusive {
			exclusive = append(exclusive, task.LockKey(l.Resource))
		} else {
			shared = append(shared, task.LockKey(l.Resource))
		}
	}
	if err := tx.LockKeys(exclusive, shared); err != nil {
		return false, err
	}
	var still bool
	err := tx.Raw(blocked, seq).Scan(&still).Error
	return !still, err
}

// advance examines the heads of the resources that a task has freed, and sends those that became ready.
func (t *Tasks) advance(ctx context.Context, freed []task.Lock) {
	var seqs []int64
	for _, l := range freed {
		heads, err := t.heads(ctx, l)
		if err != nil {
			t.log.Warn("the next in line could not be found, the sweeper will do it", "resource", l.Resource, "error", err)
		}
		seqs = append(seqs, heads...)
	}
	slices.Sort(seqs)
	for _, seq := range slices.Compact(seqs) {
		row, err := t.unblock(ctx, seq)
		if err != nil {
			t.log.Warn("the next in line could not be examined, the sweeper will do it", "seq", seq, "error", err)
		} else if row != nil {
			t.deliverLater(ctx, row)
		}
	}
}

// heads gives the numbers of those that may have waited for this lock alone. A shared lock kept only exclusive ones
// waiting, of which just the first can be next. An exclusive lock kept everybody waiting: the first is next, and if it
// shares, so are all others that share until the first that does not.
func (t *Tasks) heads(ctx context.Context, freed task.Lock) ([]int64, error) {
	read := t.db.Read(ctx)
	if !freed.Exclusive {
		var next []int64
		err := read.Raw(`SELECT task_seq FROM core_task_locks WHERE resource = ? AND exclusive AND NOT held
			ORDER BY task_seq LIMIT 1`, freed.Resource).Scan(&next).Error
		return next, err
	}
	var first []task.Lock
	err := read.Raw(`SELECT task_seq, exclusive FROM core_task_locks WHERE resource = ? AND NOT held
		ORDER BY task_seq LIMIT 1`, freed.Resource).Scan(&first).Error
	if err != nil || len(first) == 0 {
		return nil, err
	}
	if first[0].Exclusive {
		return []int64{first[0].TaskSeq}, nil
	}
	var sharing []int64
	err = read.Raw(`SELECT task_seq FROM core_task_locks WHERE resource = ? AND NOT held AND task_seq < COALESCE(
		(SELECT min(task_seq) FROM core_task_locks WHERE resource = ? AND exclusive AND NOT held), ?)
		ORDER BY task_seq`, freed.Resource, freed.Resource, int64(math.MaxInt64)).Scan(&sharing).Error
	return sharing, err
}

// wrap adds what was being done to an error, if there is one.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
