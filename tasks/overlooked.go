package tasks

import (
	"context"
	"fmt"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// examinedAtOnce bounds the tasks that one transaction of a sweep examines, and so the keys that it keeps locked.
const examinedAtOnce = 20

// unblockAll examines everything that waits: the one full scan, for what fell between an end and its consequences.
func (t *Tasks) unblockAll(ctx context.Context) error {
	seqs, err := t.overlooked(ctx)
	if err != nil {
		return fmt.Errorf("look for waiting tasks that could start: %w", err)
	}
	found := 0
	for some := range slices.Chunk(seqs, examinedAtOnce) {
		ready, err := t.examine(ctx, some)
		if err != nil {
			return err
		}
		found += ready
	}
	if found > 0 {
		t.log.Info("waiting tasks were found that could start", "count", found)
		t.o.Observer.Swept("unblocked", found)
		t.ring()
	}
	return nil
}

// overlooked gives the numbers of waiting tasks whose resources are free, or that a cap keeps back which has places.
func (t *Tasks) overlooked(ctx context.Context) (seqs []int64, err error) {
	err = t.db.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.PreferIndexes(); err != nil {
			return err
		}
		err := tx.Raw(`SELECT t.seq FROM core_tasks t WHERE t.state = 'waiting' AND t.unblocked_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM core_task_locks m WHERE m.task_seq = t.seq AND ` + task.Blocking + `) ORDER BY t.seq`).Scan(&seqs).Error
		if err != nil {
			return err
		}
		parked, err := t.roomy(tx)
		seqs = append(seqs, parked...)
		return err
	})
	return seqs, err
}
