package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/obs/trace"
)

// stage is what one stage of a run tells about itself in a trace: one span for all that it did, however much comes. It
// is safe for concurrent use.
type stage struct {
	mu     sync.Mutex
	busy   time.Duration
	counts map[string]int64
}

// staged does the work of a stage, below a span of its own. Only the stage that ends the run is told to have failed: the
// others were stopped by it, or by whoever canceled the task.
func staged(ctx context.Context, name string, work func(ctx context.Context, s *stage) error) error {
	s := &stage{counts: map[string]int64{}}
	ctx, ended := trace.Stage(ctx, "sync "+name)
	err := work(ctx, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	ended(trace.Outcome{Failed: err != nil && ctx.Err() == nil, Busy: s.busy, Counts: s.counts})
	return err
}

// count adds to a number of the stage.
func (s *stage) count(word string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[word] += int64(n)
}

// work does a piece of the stage's work. The stages of a run wait for one another, so that only this says what the time
// went to.
func (s *stage) work(piece func() error) error {
	began := time.Now()
	err := piece()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy += time.Since(began)
	return err
}
