package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// batch is how many ready tasks are sent again before the sweeper looks whether that was of any use.
const batch = 200

// unblockAll examines everything that waits: the one full scan, for what fell between a commit and its consequences.
func (t *Tasks) unblockAll(ctx context.Context) error {
	var seqs []int64
	err := t.db.Read(ctx).Raw(`SELECT t.seq FROM core_tasks t WHERE t.state = 'waiting' AND t.unblocked_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM core_task_locks m WHERE m.task_seq = t.seq AND ` + blockedBy + `) ORDER BY t.seq`).Scan(&seqs).Error
	if err != nil {
		return fmt.Errorf("look for waiting tasks that could start: %w", err)
	}
	var faults []error
	for _, seq := range seqs {
		row, err := t.unblock(ctx, seq)
		if err != nil {
			faults = append(faults, err)
		} else if row != nil {
			t.deliverLater(ctx, row)
		}
	}
	return errors.Join(faults...)
}

// resend sends ready tasks again that nobody has taken up for some time, the longest first. Redis refuses what it
// still knows; when it refuses a whole batch it has lost nothing, and the rest is spared.
func (t *Tasks) resend(ctx context.Context, after time.Duration) error {
	begun := model.Now()
	for {
		rows, err := t.unsent(ctx, begun.Add(-after))
		if err != nil || len(rows) == 0 {
			return wrap(err, "look for ready tasks that the queue may have lost")
		}
		tried, fresh, err := t.sendAll(ctx, rows)
		if err := errors.Join(err, t.noteSent(ctx, rows[:tried])); err != nil || fresh == 0 {
			return wrap(err, "send ready tasks again")
		}
		t.log.Info("ready tasks were sent to the queue again", "count", fresh)
	}
}

// sendAll sends until something goes wrong. What was tried takes its place at the end, so that a single one cannot be
// in the way of all others.
func (t *Tasks) sendAll(ctx context.Context, rows []task.Row) (tried, fresh int, err error) {
	for _, row := range rows {
		tried++
		news, err := t.queue.send(ctx, row.Name, row.ID)
		if err != nil {
			return tried, fresh, err
		}
		if news {
			fresh++
		}
	}
	return tried, fresh, nil
}

// unsent gives ready tasks, of kinds that are known here, that were last sent before a moment.
func (t *Tasks) unsent(ctx context.Context, before time.Time) (rows []task.Row, err error) {
	err = t.db.Read(ctx).Select("seq", "id", "name").Where("state = 'waiting' AND unblocked_at IS NOT NULL").
		Where("sent_at < ? AND name IN ?", before, append(t.Kinds(), "")).
		Order("sent_at").Limit(batch).Find(&rows).Error
	return rows, err
}

func (t *Tasks) noteSent(ctx context.Context, rows []task.Row) error {
	var seqs []int64
	for _, row := range rows {
		seqs = append(seqs, row.Seq)
	}
	return t.db.InTx(ctx, func(tx *db.Tx) error {
		return tx.Exec("UPDATE core_tasks SET sent_at = ? WHERE seq IN ? AND state = ?", model.Now(), seqs, task.Waiting).Error
	})
}
