package serve

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// watch is a vigil over rows that tests decide about.
type watch struct {
	*vigil[string, int]
	dial *dial
	// answer is how the database answers; it may block.
	answer atomic.Pointer[func(ctx context.Context, keys []string) (map[string]int, error)]
	reads  atomic.Int64
}

func newWatch() *watch {
	w := &watch{dial: &dial{at: addedAt}}
	w.vigil = newVigil(w.dial.clock(), func(ctx context.Context, keys []string) (map[string]int, error) {
		w.reads.Add(1)
		return (*w.answer.Load())(ctx, keys)
	})
	w.say(1)
	return w
}

func (w *watch) does(answer func(ctx context.Context, keys []string) (map[string]int, error)) {
	w.answer.Store(&answer)
}

// say has every row be of a value.
func (w *watch) say(value int) {
	w.does(func(_ context.Context, keys []string) (map[string]int, error) {
		all := map[string]int{}
		for _, key := range keys {
			all[key] = value
		}
		return all, nil
	})
}

func (w *watch) want(t *testing.T, key string, value int, known bool) {
	t.Helper()
	got, there, err := w.get(t.Context(), key)
	if got != value && there || there != (value > 0) || (err == nil) != known {
		t.Errorf("%s is %d, %v, %v; want %d, known: %v", key, got, there, err, value, known)
	}
}

// TestASlowDatabaseIsNotAway: a reading that takes longer than what is known may be old tells those who asked before it began.
func TestASlowDatabaseIsNotAway(t *testing.T) {
	t.Parallel()
	w := newWatch()
	w.want(t, "a", 1, true)
	w.dial.pass(Fresh + 1)
	w.does(func(_ context.Context, keys []string) (map[string]int, error) {
		w.dial.pass(2 * Fresh)
		return map[string]int{"a": 2}, nil
	})
	w.want(t, "a", 2, true)
}

// TestOneThatCannotBeReadHidesNoOther in whatever company it is read.
func TestOneThatCannotBeReadHidesNoOther(t *testing.T) {
	t.Parallel()
	w := newWatch()
	w.want(t, "good", 1, true)
	w.dial.pass(Fresh + 1)
	begun, goOn := make(chan struct{}), make(chan struct{})
	first := true
	w.does(func(_ context.Context, keys []string) (map[string]int, error) {
		if first {
			first = false
			close(begun)
			<-goOn // so that the next are read together
		}
		if slices.Contains(keys, "bad") {
			return nil, errors.New("no text")
		}
		if slices.Contains(keys, "worse") {
			panic("no text at all")
		}
		return map[string]int{keys[0]: 2}, nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.want(t, "other", 2, true)
	}()
	<-begun
	asked := make(chan struct{}, 3)
	for _, key := range []string{"bad", "good", "worse"} {
		go func() {
			defer func() { asked <- struct{}{} }()
			w.want(t, key, map[string]int{"good": 2}[key], key == "good")
		}()
	}
	for func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.wanted) < 3 }() {
		runtime.Gosched()
	}
	close(goOn)
	<-done
	for range 3 {
		<-asked
	}
}

// TestNobodyWaitsForADatabaseThatIsAway but the one who tries again; and what was known just before it went goes on.
func TestNobodyWaitsForADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	w := newWatch()
	w.want(t, "a", 1, true)
	w.want(t, "old", 1, true)
	w.dial.pass(recent)
	w.want(t, "a", 1, true) // reads the other one too, which nobody asks for
	w.does(func(context.Context, []string) (map[string]int, error) {
		return nil, errs.New(errs.Unavailable, "away")
	})
	w.dial.pass(Fresh + 1)
	w.want(t, "a", 1, false)
	tries := w.reads.Load()
	for range 100 {
		w.want(t, "a", 1, false)
		w.want(t, "old", 1, false)
		w.want(t, "new", 0, false)
	}
	if n := w.reads.Load() - tries; n > 0 {
		t.Errorf("it was tried %d times within a moment", n)
	}
	w.dial.pass(24 * time.Hour)
	w.want(t, "a", 1, false) // however long it lasts
	w.say(2)
	w.dial.pass(Fresh + 1)
	w.want(t, "a", 2, true)
}

// TestWhatWasKnownLongAgoIsNotTrusted: by the time when the database went away it may have been something else.
func TestWhatWasKnownLongAgoIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWatch()
	w.want(t, "a", 1, true)
	w.dial.pass(recent + 1)
	w.does(func(context.Context, []string) (map[string]int, error) {
		return nil, errs.New(errs.Unavailable, "away")
	})
	w.want(t, "a", 0, false)
}
