package tasks

import (
	"context"
	"fmt"
	"slices"
)

// examinedAtOnce bounds the tasks that one transaction of a sweep examines, and so the keys that it keeps locked.
const examinedAtOnce = 20

// unblockAll examines everything that waits: the one full scan, for what fell between an end and its consequences.
func (t *Tasks) unblockAll(ctx context.Context) error {
	var seqs []int64
	err := t.db.Read(ctx).Raw(`SELECT t.seq FROM core_tasks t WHERE t.state = 'waiting' AND t.turn IS NULL AND (t.unblocked_at IS NOT NULL
		OR NOT EXISTS (SELECT 1 FROM core_task_locks m WHERE m.task_seq = t.seq AND ` + blockedBy + `)) ORDER BY t.seq`).Scan(&seqs).Error
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
