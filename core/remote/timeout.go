package remote

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// expiry is the end of a time limit.
type expiry struct {
	setting string
	limit   time.Duration
}

func (e *expiry) Error() string {
	return fmt.Sprintf("nothing came within %s (%s)", e.limit, e.setting)
}

// watchdog ends a request when a step of it takes too long. Only waiting for the upstream counts: who reads a body
// slowly is not punished.
type watchdog struct {
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	timer    *time.Timer
	why      *expiry
	until    time.Time
	answered bool
}

// sending starts the clock for a step before the answer. The transport may report such a step late, when the body is
// already being read; it does not count then.
func (w *watchdog) sending(setting string, limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.answered {
		w.start(setting, limit)
	}
}

// answer stops the clock: the answer is there.
func (w *watchdog) answer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = true
	w.halt()
}

// reading starts the clock for a read of the body.
func (w *watchdog) reading(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start("sock_read_timeout", limit)
}

// stop stops the clock.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.halt()
}

func (w *watchdog) start(setting string, limit time.Duration) {
	w.halt()
	if limit <= 0 {
		return
	}
	w.why, w.until = &expiry{setting, limit}, time.Now().Add(limit)
	if w.timer == nil {
		w.timer = time.AfterFunc(limit, w.fire)
		return
	}
	w.timer.Reset(limit)
}

func (w *watchdog) halt() {
	w.why = nil
	if w.timer != nil {
		w.timer.Stop()
	}
}

// fire finds no reason, or the time of a later step, when it comes just after its step was done.
func (w *watchdog) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.why != nil && !time.Now().Before(w.until) {
		w.cancel(w.why)
	}
}

var _ error = (*expiry)(nil)
