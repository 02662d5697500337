package fetch

import (
	"context"
	"sync"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// unknown is a size that nobody has told.
const unknown = -1

// transfer is a file on its way, shared by those who wait for it. Its fields change under its lock only.
type transfer struct {
	place  place
	key    errandKey
	cancel context.CancelFunc
	errand *errand // of what is pulled through a distribution; nil for a file of a unit

	mu      sync.Mutex
	changed chan struct{} // closed at the next change; nil as long as nobody waits
	readers int
	peek    storage.Peeked // nil where the storage cannot be read while it is written

	size     int64  // declared, or what the upstream says, or unknown
	sha256   string // declared; empty where not known
	streamed bool   // nothing is kept
	waiting  bool   // for another process, which fetches it, or for a place at its host
	givenUp  bool   // nobody is left who wants it
	written  int64
	started  bool // clients may have seen something of this
	verified bool // all of it is what it must be
	ended    bool // nothing changes any more
	artifact *model.Artifact
	unit     string // what was pulled became this unit
	err      error
}

// update changes the state and wakes those who wait.
func (t *transfer) update(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// await waits until something is so. The function runs under the lock.
func (t *transfer) await(ctx context.Context, so func() bool) error {
	for {
		t.mu.Lock()
		if so() {
			t.mu.Unlock()
			return nil
		}
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return errs.New(errs.Canceled, "nobody waits for this file any more: %w", context.Cause(ctx))
		}
	}
}

// enter adds a reader, unless the transfer was given up.
func (t *transfer) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.givenUp {
		return false
	}
	t.readers++
	return true
}

// leave takes a reader away. The last one ends a transfer that keeps nothing, or that only waits.
func (t *transfer) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readers--
	t.giveUp()
	t.tidy()
}

func (t *transfer) giveUp() {
	if t.readers == 0 && (t.streamed || t.waiting) && !t.ended {
		t.givenUp = true
		t.cancel()
	}
}

// wait is set as long as another process fetches the file, or its host has no place: nothing is lost then by giving up.
func (t *transfer) wait(waiting bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = waiting
	t.giveUp()
}

// tidy lets go of the spool when nobody reads it and nobody will.
func (t *transfer) tidy() {
	if t.ended && t.readers == 0 && t.peek != nil {
		_ = t.peek.Close() // it was only read
		t.peek = nil
	}
}

// begin starts over with the bytes of another source. Nobody has seen those of the one before.
func (t *transfer) begin(c candidate, size int64, peek storage.Peeked) {
	t.update(func() {
		if t.peek != nil {
			_ = t.peek.Close() // it was only read
		}
		t.peek, t.size, t.sha256, t.streamed, t.written = peek, size, c.digest(), !c.kept(), 0
		t.giveUp()
	})
}

func (t *transfer) advance(written int64) {
	t.update(func() {
		t.written = written
		t.started = t.started || written > heldBack
	})
}

// verify lets the clients have the rest.
func (t *transfer) verify() {
	t.update(func() { t.started, t.verified, t.size = true, true, t.written })
}

// end is the last change.
func (t *transfer) end(a *model.Artifact, err error) {
	t.update(func() {
		t.ended, t.artifact, t.err = true, a, err
		t.tidy()
	})
}

func (t *transfer) hasStarted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.started
}

// promised is the size that was declared, or that the upstream said.
func (t *transfer) promised() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.size
}

// failure is why there is nothing to read.
func (t *transfer) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.started {
		return nil
	}
	return t.err
}

// released is how much clients may have.
func (t *transfer) released() int64 {
	if t.verified {
		return t.written
	}
	return max(0, t.written-heldBack)
}
