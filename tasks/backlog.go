package tasks

import (
	"context"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
)

// Backlog are the waiting tasks of the whole installation, by what they wait for.
type Backlog struct {
	// Resources are held by others, Cap is a full limit, Worker a free place of a worker.
	Resources, Cap, Worker int64
	// Oldest is how long the longest of those that wait for a worker has been ready; 0 where none waits.
	Oldest time.Duration
}

// Backlog counts the waiting tasks. Each count is that of a partial index, so that no row has to be read.
func (t *Tasks) Backlog(ctx context.Context) (Backlog, error) {
	var n struct{ Unfinished, Running, Unblocked, Ready int64 }
	err := t.db.Read(ctx).Raw(`SELECT
(SELECT count(*) FROM core_tasks WHERE state IN ('waiting', 'running', 'canceling')) AS unfinished,
(SELECT count(*) FROM core_tasks WHERE state IN ('running', 'canceling')) AS running,
(SELECT count(*) FROM core_tasks WHERE state = 'waiting' AND unblocked_at IS NOT NULL) AS unblocked,
(SELECT count(*) FROM core_tasks WHERE state = 'waiting' AND turn IS NOT NULL) AS ready`).Scan(&n).Error
	if err != nil {
		return Backlog{}, fmt.Errorf("count the waiting tasks: %w", err)
	}
	var since []time.Time
	err = t.db.Read(ctx).Table("core_tasks").Where("state = 'waiting' AND unblocked_at IS NOT NULL AND sent_at IS NOT NULL AND turn IS NOT NULL").
		Order("sent_at").Limit(1).Pluck("sent_at", &since).Error
	if err != nil {
		return Backlog{}, fmt.Errorf("find the longest ready task: %w", err)
	}
	b := Backlog{Resources: max(n.Unfinished-n.Running-n.Unblocked, 0), Cap: max(n.Unblocked-n.Ready, 0), Worker: n.Ready}
	if len(since) > 0 {
		b.Oldest = max(db.Now().Sub(since[0]), 0)
	}
	return b, nil
}
