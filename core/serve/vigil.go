package serve

import (
	"context"
	"errors"
	"slices"
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
	// away is since when nothing can be read.
	away outage
	// swept is when it was last looked for what has not been read for long.
	swept time.Time
}

// item is what is known of one row.
type item[V any] struct {
	value V
	there bool
	// asOf is when the reading began, asked when somebody last wanted to know.
	asOf, asked time.Time
	// failing is since when it cannot be read, and others can.
	failing outage
	// doubted is when something else was seen; what was read before does not count.
	doubted time.Time
	// commits is the count when the reading began.
	commits uint64
	// next is closed when the reading that is under way, or the next one, has ended.
	next chan struct{}
}

// outage is a time in which readings fail: since the first of them, and last tried; zero when the last one succeeded.
type outage struct{ since, tried time.Time }

func (o *outage) note(at time.Time) {
	if o.tried = at; o.since.IsZero() {
		o.since = at
	}
}

// lasts tells whether it goes on, and due whether it is time to try again.
func (o *outage) lasts() bool { return !o.since.IsZero() }
func (o *outage) due(now time.Time, pause time.Duration) bool {
	return !o.lasts() || now.Sub(o.tried) >= pause
}

// Bounds of a vigil.
const (
	readAtOnce = 200
	// forgetAfter is how long what nobody asks for is remembered: behind a database that is away it may still serve.
	forgetAfter = time.Hour
	// mostItems is from how many items on some are forgotten.
	mostItems = 1000
	// recent is how old, when the database went away, may be what is known of it: something else may be so by then.
	recent = 15 * time.Minute
	// upkeep is how old something is read again that nobody has asked for, whenever something else is read.
	upkeep = recent / 3
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
// the error is errs.Unavailable, and the rest is what was known when it went away; there is false when that is nothing.
func (v *vigil[K, V]) get(ctx context.Context, key K) (value V, there bool, err error) {
	changes, since := v.commits(), v.now()
	// A reading that is under way may have begun before the last change; the one after it has not.
	for range 3 {
		it, known, next := v.ask(key, changes, since)
		if known == yes {
			return it.value, it.there, nil
		}
		if known == unknowable {
			break
		}
		patience := v.patience
		if known == tried {
			patience = v.fresh / 10
		}
		wait(ctx, next, patience)
	}
	it, known, _ := v.ask(key, changes, since)
	if known == yes {
		return it.value, it.there, nil
	}
	return it.value, it.there && v.trusts(it), errs.New(errs.Unavailable, "the database cannot be asked whether this has changed; try again later")
}

// trusts tells whether something was known well enough when the database went away. What goes on too slowly to be known in
// time is as good as away.
func (v *vigil[K, V]) trusts(it item[V]) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	lost := v.now()
	for _, o := range []outage{v.away, it.failing} {
		if o.lasts() && o.since.Before(lost) {
			lost = o.since
		}
	}
	return lost.Sub(it.asOf) <= recent
}

// doubt has a row read anew before anybody is told of it again, if what is known of it looks wrong.
func (v *vigil[K, V]) doubt(key K, wrong func(V) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if it := v.items[key]; it != nil && it.there && wrong(it.value) {
		it.doubted = v.now()
	}
}

// knowledge tells whether what is known of a row is new enough.
type knowledge int

const (
	yes knowledge = iota
	soon
	tried      // the last reading failed, and now there is another try
	unknowable // the last reading failed
)

// ask tells what is known, and has it read anew where that is due. What was read since somebody wanted to know is new enough
// for them, however long that took. A database that is away is tried again now and then; who begins that waits for a moment,
// and nobody else does.
func (v *vigil[K, V]) ask(key K, changes uint64, since time.Time) (item[V], knowledge, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	it, now := v.items[key], v.now()
	if it == nil {
		it = &item[V]{next: make(chan struct{})}
		v.items[key] = it
	}
	it.asked = now
	age, old := now.Sub(it.asOf), it.commits < changes || it.asOf.Before(it.doubted)
	begins := false
	if (age > v.ahead || old) && v.away.due(now, v.fresh) && it.failing.due(now, v.fresh) {
		begins = v.want(key)
	}
	switch {
	case (age <= v.fresh || !it.asOf.Before(since)) && !old:
		return *it, yes, it.next
	case (v.away.lasts() || it.failing.lasts()) && begins:
		return *it, tried, it.next
	case v.away.lasts() || it.failing.lasts():
		return *it, unknowable, it.next
	}
	return *it, soon, it.next
}

// wait waits for a reading, but not for long: a database that takes so long is away.
func wait(ctx context.Context, next <-chan struct{}, patience time.Duration) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-next:
	case <-ctx.Done():
	case <-limit.C:
	}
}

// want has a row read soon. It tells whether that begins the reading.
func (v *vigil[K, V]) want(key K) (begins bool) {
	v.wanted[key] = true
	if begins = !v.reading; begins {
		v.reading = true
		go v.readAll()
	}
	return begins
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
		found, err := v.safely(ctx, keys)
		if err != nil && len(keys) > 1 && ctx.Err() == nil && !errs.Is(err, errs.Unavailable) {
			err = v.readEach(ctx, keys) // one that cannot be read must not hide the others
		} else if err == nil {
			v.note(keys, began, commits, found)
		}
		v.end(keys, err)
		cancel()
	}
}

// readEach reads one row after the other. It fails when none can be read.
func (v *vigil[K, V]) readEach(ctx context.Context, keys []K) error {
	var faults []error
	for _, key := range keys {
		began, commits := v.now(), v.commits()
		found, err := v.safely(ctx, []K{key})
		if err == nil {
			v.note([]K{key}, began, commits, found)
			continue
		}
		faults = append(faults, err)
		v.mu.Lock()
		if it := v.items[key]; it != nil {
			it.failing.note(v.now())
		}
		v.mu.Unlock()
	}
	if len(faults) < len(keys) {
		return nil
	}
	return errors.Join(faults...)
}

// safely makes an error of a panic.
func (v *vigil[K, V]) safely(ctx context.Context, keys []K) (found map[K]V, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = errs.New(errs.Internal, "panic while reading what is served: %v", fault)
		}
	}()
	return v.read(ctx, keys)
}

// take gives what is wanted, and with it what has not been read for long.
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
	if v.reading = len(keys) > 0; v.reading {
		keys = v.kept(keys)
	}
	return keys
}

// kept adds what has to be known if the database should go away.
func (v *vigil[K, V]) kept(keys []K) []K {
	now := v.now()
	if now.Sub(v.swept) < upkeep/10 {
		return keys
	}
	v.swept = now
	wanted := len(keys)
	for key, it := range v.items {
		if len(keys) == readAtOnce {
			v.swept = time.Time{} // there may be more
			break
		}
		if it.there && now.Sub(it.asOf) > upkeep && !slices.Contains(keys[:wanted], key) && !v.wanted[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

// note keeps what was read.
func (v *vigil[K, V]) note(keys []K, began time.Time, commits uint64, found map[K]V) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, key := range keys {
		if it := v.items[key]; it != nil { // not forgotten meanwhile
			it.value, it.there = found[key]
			it.asOf, it.commits, it.failing = began, commits, outage{}
		}
	}
}

// end notes whether the database answers, and wakes those who wait.
func (v *vigil[K, V]) end(keys []K, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.away = outage{}
	} else {
		v.away.note(v.now())
	}
	for _, key := range keys {
		if it := v.items[key]; it != nil {
			close(it.next)
			it.next = make(chan struct{})
		}
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
