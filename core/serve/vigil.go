package serve

import (
	"context"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// vigil keeps what is known of some rows no older than fresh, for as long as somebody asks. Whatever is asked for
// together is read together, and by one reader at a time; what is about to grow old is read anew before anybody has to
// wait for it. What nobody asks for costs nothing.
type vigil[K comparable, V any] struct {
	// read gives what there is of some rows at this moment; what is missing is not there.
	read func(ctx context.Context, keys []K) (map[K]V, error)
	// fresh is how old an answer may be, ahead the age from which it is read anew in good time, patience how long a reading
	// is waited for.
	fresh, ahead, patience time.Duration
	clock

	mu      sync.Mutex
	items   map[K]*item[V]
	wanted  map[K]bool
	reading bool
}

// item is what is known of one row.
type item[V any] struct {
	value V
	there bool
	// asOf is when the reading began, asked when somebody last wanted to know, failed when the last reading did, and zero
	// if it did not.
	asOf, asked, failed time.Time
	// commits is the count when the reading began.
	commits uint64
	// next is closed when the reading that is under way, or the next one, has ended.
	next chan struct{}
}

// Bounds of a vigil.
const (
	readAtOnce = 200
	// forgetAfter is how long what nobody asks for is remembered: behind a database that is away it may still serve.
	forgetAfter = time.Hour
	// mostItems is from how many items on some are forgotten.
	mostItems = 1000
)

func newVigil[K comparable, V any](c clock, read func(context.Context, []K) (map[K]V, error)) *vigil[K, V] {
	return &vigil[K, V]{read: read, fresh: Fresh, ahead: Fresh * 2 / 5, patience: 2 * Fresh, clock: c, items: map[K]*item[V]{}, wanted: map[K]bool{}}
}

// clock tells how old something known is.
type clock struct {
	now func() time.Time
	// commits counts what this process has changed: whoever changes something here sees it here at once.
	commits func() uint64
}

// get tells what there is of a row, and whether it is there. When it cannot be known, for the database does not answer,
// the error is errs.Unavailable, and the rest is what was known last; there is false when that is nothing.
func (v *vigil[K, V]) get(ctx context.Context, key K) (value V, there bool, err error) {
	changes := v.commits()
	// A reading that is under way may have begun before the last change; the one after it has not.
	for range 3 {
		it, known, next := v.ask(key, changes)
		if known == yes {
			return it.value, it.there, nil
		}
		if known == unknowable {
			break
		}
		v.wait(ctx, next)
	}
	it, known, _ := v.ask(key, changes)
	if known != yes {
		err = errs.New(errs.Unavailable, "the database cannot be asked whether this has changed; try again later")
	}
	return it.value, it.there, err
}

// knowledge tells whether what is known of a row is new enough.
type knowledge int

const (
	yes knowledge = iota
	soon
	unknowable // the last reading failed a moment ago
)

// ask tells what is known, and has it read anew where that is due.
func (v *vigil[K, V]) ask(key K, changes uint64) (item[V], knowledge, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	it, now := v.items[key], v.now()
	if it == nil {
		it = &item[V]{next: make(chan struct{})}
		v.items[key] = it
	}
	it.asked = now
	age, old := now.Sub(it.asOf), it.commits < changes
	down := !it.failed.IsZero() && now.Sub(it.failed) < v.fresh
	if (age > v.ahead || old) && !down {
		v.want(key)
	}
	switch {
	case age <= v.fresh && !old:
		return *it, yes, it.next
	case down:
		return *it, unknowable, it.next
	}
	return *it, soon, it.next
}

// wait waits for a reading, but not for long: a database that takes so long is away.
func (v *vigil[K, V]) wait(ctx context.Context, next <-chan struct{}) {
	limit := time.NewTimer(v.patience)
	defer limit.Stop()
	select {
	case <-next:
	case <-ctx.Done():
	case <-limit.C:
	}
}

// want has a row read soon.
func (v *vigil[K, V]) want(key K) {
	v.wanted[key] = true
	if !v.reading {
		v.reading = true
		go v.readAll()
	}
}

// readAll reads until nothing is wanted.
func (v *vigil[K, V]) readAll() {
	for {
		keys := v.take()
		if len(keys) == 0 {
			return
		}
		began, commits := v.now(), v.commits()
		// detached: who asked may be gone, others wait for the same.
		ctx, cancel := context.WithTimeout(context.Background(), 2*v.patience)
		found, err := v.read(ctx, keys)
		cancel()
		v.note(keys, began, commits, found, err)
	}
}

func (v *vigil[K, V]) take() (keys []K) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key := range v.wanted {
		if len(keys) == readAtOnce {
			break
		}
		keys = append(keys, key)
		delete(v.wanted, key)
	}
	v.reading = len(keys) > 0
	return keys
}

func (v *vigil[K, V]) note(keys []K, began time.Time, commits uint64, found map[K]V, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, key := range keys {
		it := v.items[key]
		if it == nil {
			continue // forgotten meanwhile
		}
		if err == nil {
			it.value, it.there = found[key]
			it.asOf, it.commits, it.failed = began, commits, time.Time{}
		} else {
			it.failed = v.now()
		}
		close(it.next)
		it.next = make(chan struct{})
	}
	v.forget()
}

// forget drops, once there is much, what is not there, and what nobody has asked for in a long time.
func (v *vigil[K, V]) forget() {
	if len(v.items) <= mostItems {
		return
	}
	now := v.now()
	for key, it := range v.items {
		if !it.there && now.Sub(it.asked) > v.fresh || now.Sub(it.asked) > forgetAfter {
			delete(v.items, key)
		}
	}
}
