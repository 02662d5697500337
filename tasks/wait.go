package tasks

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// finals tells those who wait when this process has seen a task end.
type finals struct {
	mu   sync.Mutex
	byID map[string][]chan struct{}
}

func (f *finals) subscribe(id string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byID == nil {
		f.byID = map[string][]chan struct{}{}
	}
	c := make(chan struct{})
	f.byID[id] = append(f.byID[id], c)
	return c
}

func (f *finals) forget(id string, c <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := f.byID[id][:0]
	for _, other := range f.byID[id] {
		if other != c {
			left = append(left, other)
		}
	}
	if f.byID[id] = left; len(left) == 0 {
		delete(f.byID, id)
	}
}

func (f *finals) tell(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.byID[id] {
		close(c)
	}
	delete(f.byID, id)
}

// Wait returns the row of a task when it is final: at once when it ends in this process, and within a quarter of a
// second when it ends elsewhere. It is errs.NotFound when there is no such task.
func (t *Tasks) Wait(ctx context.Context, id string) (*task.Row, error) {
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	for {
		ended := t.finals.subscribe(id)
		row, err := t.load(ctx, id)
		if err != nil || row.Final() {
			t.finals.forget(id, ended)
			return row, err
		}
		select {
		case <-ended:
		case <-look.C:
			t.finals.forget(id, ended)
		case <-ctx.Done():
			t.finals.forget(id, ended)
			return row, fmt.Errorf("wait for task %s, which is %s: %w", id, row.State, ctx.Err())
		}
	}
}

func (t *Tasks) load(ctx context.Context, id string) (*task.Row, error) {
	var rows []task.Row
	if err := t.db.Read(ctx).Where("id = ?", id).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read task %s: %w", id, err)
	}
	if len(rows) == 0 {
		return nil, errs.New(errs.NotFound, "there is no task %s, it may have been purged", id)
	}
	return &rows[0], nil
}
