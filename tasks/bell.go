package tasks

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// bell tells workers that something has become ready, and that something is to be canceled. It rings here at once, and in
// other processes through Redis, beside the caller: nobody waits for Redis, and rings that follow one another closely
// are one. A ring that is lost costs a second, in which every worker looks by itself.
type bell struct {
	queue *queue
	log   *slog.Logger
	// closing asks for the last ring, done says that it is over.
	closing, done chan struct{}
	rung          chan struct{}

	mu       sync.Mutex
	started  bool
	closed   bool
	canceled []string
}

// pause is the least time between two rings to other processes.
const pause = 10 * time.Millisecond

func newBell(q *queue, log *slog.Logger) *bell {
	return &bell{queue: q, log: log, closing: make(chan struct{}), done: make(chan struct{}), rung: make(chan struct{}, 1)}
}

// ring has workers look for ready tasks.
func (t *Tasks) ring() {
	t.mu.Lock()
	workers := t.workers
	t.mu.Unlock()
	for _, w := range workers {
		w.clerk.poke("here")
	}
	t.bell.ready()
}

// ready rings in other processes.
func (b *bell) ready() {
	if !b.start() {
		return
	}
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

// cancel has whoever runs a task look at its row.
func (b *bell) cancel(id string) {
	b.mu.Lock()
	b.canceled = append(b.canceled, id)
	b.mu.Unlock()
	b.ready()
}

// start begins to ring, with the first that there is to tell; false when the bell is closed.
func (b *bell) start() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	if !b.started {
		b.started = true
		go b.work()
	}
	return true
}

func (b *bell) work() {
	defer close(b.done)
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-b.rung:
			b.tell()
		case <-b.closing:
			select {
			case <-b.rung:
				b.tell()
			default:
			}
			return
		}
		rest.Reset(pause)
		select {
		case <-rest.C:
		case <-b.closing:
		}
	}
}

// tell sends what there is.
func (b *bell) tell() {
	b.mu.Lock()
	canceled := b.canceled
	b.canceled = nil
	b.mu.Unlock()
	// detached: who rang does not wait.
	ctx, cancel := context.WithTimeout(context.Background(), answer)
	defer cancel()
	faults := []error{b.queue.ready(ctx)}
	for _, id := range canceled {
		faults = append(faults, b.queue.publish(ctx, sayCancel+id))
	}
	if err := errors.Join(faults...); err != nil {
		b.log.Warn("other processes could not be told of ready tasks, they look by themselves every second", "error", err)
	}
}

// close rings for the last time.
func (b *bell) close() {
	b.mu.Lock()
	again, started := b.closed, b.started
	b.closed = true
	b.mu.Unlock()
	if again {
		return
	}
	close(b.closing)
	if started {
		<-b.done
	}
}

// What is published: something is ready, or the row of a task is to be looked at.
const (
	sayReady  = "ready"
	sayCancel = "cancel "
)

// hear acts on what was published.
func (w *worker) hear(said string) {
	if id, cancel := strings.CutPrefix(said, sayCancel); cancel {
		w.t.running.wake(id)
		return
	}
	w.clerk.poke("redis")
}
