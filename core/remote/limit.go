package remote

import (
	"context"
	"sync"
	"time"
)

// limits are how much of a remote its users take at once.
type limits struct {
	places chan struct{}
	clock  Clock
	every  time.Duration // between the beginnings of two requests; 0 is no limit

	mu   sync.Mutex
	next time.Time
}

func newLimits(s *settings, clock Clock) *limits {
	l := &limits{places: make(chan struct{}, s.concurrency), clock: clock}
	if s.rate > 0 {
		l.every = time.Second / time.Duration(s.rate)
	}
	return l
}

// enter waits for a place; leave gives it back.
func (l *limits) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case l.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *limits) leave() { <-l.places }

// begin waits until another request may begin.
func (l *limits) begin(ctx context.Context) error {
	if l.every == 0 {
		return nil
	}
	if wait := l.reserve(); wait > 0 {
		return l.clock.Sleep(ctx, wait)
	}
	return nil
}

func (l *limits) reserve() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	if l.next.Before(now) {
		l.next = now
	}
	wait := l.next.Sub(now)
	l.next = l.next.Add(l.every)
	return wait
}
