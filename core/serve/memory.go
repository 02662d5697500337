package serve

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// Fresh is how old what Memory knows of a distribution may be: so long after a publish, a change or a deletion an old
// answer may still be given.
const Fresh = time.Second

// Memory answers look-ups from what was looked up before, as long as the distribution serves the same: that is asked of
// the database at least once a second, by all who want to know together. Guards and the gate decide about every request.
// When the database is away, what is not guarded goes on as it was, and what is guarded is refused.
type Memory struct {
	resolver *Resolver
	// answers is nil where nothing is to be remembered here.
	answers  *otter.Cache[address, *answer]
	standing *vigil[string, standing]
	now      func() time.Time
	// shared is nil where nothing is shared.
	shared *sharing
	count  func(from string)
}

// Where answers come from, as Count is told.
const (
	FromMemory   = "memory"
	FromShared   = "shared"
	FromDatabase = "database"
)

// address is what is asked for.
type address struct{ domain, path string }

// answer is a remembered look-up.
type answer struct {
	// stamp is that of the distribution in the snapshot of the look-up.
	stamp  string
	result Result
	// err is errs.NotFound where there is nothing under the path.
	err  error
	slot Slot
}

// standing is what a distribution is at the moment.
type standing struct {
	stamp string
	// guard decides about requests; nil where there is none. closed is why nobody passes.
	guard  Guard
	closed error
	// gone tells that it is not there any more.
	gone bool
}

// NewMemory puts a memory of about so many bytes, which may be none, in front of a resolver. commits counts what this process has
// changed in the database, which is seen here at once.
func NewMemory(r *Resolver, bytes int64, commits func() uint64) *Memory {
	return newMemory(r, bytes, clock{now: time.Now, commits: commits})
}

func newMemory(r *Resolver, bytes int64, c clock) *Memory {
	m := &Memory{resolver: r, now: c.now, count: func(string) {}}
	if bytes > 0 {
		m.answers = otter.Must(&otter.Options[address, *answer]{MaximumWeight: uint64(bytes), Weigher: weigh})
	}
	m.standing = newVigil(c, m.look)
	return m
}

// Share has answers shared with other processes. It is to be called before the first look-up.
func (m *Memory) Share(s Sharing) *Memory {
	if s.Store == nil || len(s.Key) == 0 || s.Life <= 0 {
		panic("serve.Memory.Share needs a store, a key and a time")
	}
	m.shared = &sharing{Sharing: s, resolver: m.resolver, now: m.now}
	return m
}

// Count has every look-up counted by where its answer came from. It is to be called before the first look-up.
func (m *Memory) Count(count func(from string)) *Memory {
	m.count = count
	return m
}

// Resolve is Resolver.Resolve.
func (m *Memory) Resolve(ctx context.Context, domain, path string, q *Request) (Result, error) {
	at := address{domain, path}
	if known := m.remembered(at); known != nil {
		if result, belief, err := m.recall(ctx, known, q, false); belief != stale {
			m.count(FromMemory)
			return result, err
		}
		m.answers.Invalidate(at)
	}
	if !CleanPath(path) {
		return Result{}, notFound()
	}
	if known := m.shared.get(ctx, at); known != nil {
		if result, belief, err := m.recall(ctx, known, q, true); belief != stale {
			if belief == sure { // one that is not sure ends when its time is over
				m.remember(at, known)
			}
			m.count(FromShared)
			return result, err
		}
	}
	m.count(FromDatabase)
	look := &lookUp{resolver: m.resolver, domain: domain, path: path, stamping: true}
	err := m.resolver.resolve(ctx, look, q)
	if d := look.result.Distribution; d != nil && look.stamp != "" { // who has seen the new must not be told the old
		m.standing.doubt(d.ID, func(now standing) bool { return now.stamp != look.stamp })
	}
	if known := memorable(look, err); known != nil {
		m.shared.set(ctx, at, known)
		m.remember(at, known)
		return known.tell()
	}
	if err != nil {
		return Result{}, err
	}
	return look.result, nil
}

func (m *Memory) remembered(at address) *answer {
	if m.answers == nil {
		return nil
	}
	known, _ := m.answers.GetIfPresent(at)
	return known
}

func (m *Memory) remember(at address, known *answer) {
	if m.answers != nil {
		m.answers.Set(at, known)
	}
}

// belief is what a remembered answer is worth.
type belief int

const (
	stale  belief = iota // it has to be looked up again
	sure                 // it is so
	unsure               // the database cannot be asked; it goes on as it was, or is refused
)

// recall gives a remembered answer, unless it is stale.
func (m *Memory) recall(ctx context.Context, known *answer, q *Request, shared bool) (Result, belief, error) {
	if known.slot.dropped.Load() {
		return Result{}, stale, nil
	}
	worth := sure
	now, asked, err := m.standing.get(ctx, known.result.Distribution.ID)
	if err != nil {
		if refused(known, now, asked, shared) {
			return Result{}, unsure, err
		}
		worth = unsure
	} else if !asked || now.stamp != known.stamp || now.gone {
		return Result{}, stale, nil
	}
	if now.closed != nil {
		return Result{}, worth, now.closed
	}
	if now.guard != nil {
		if err := m.resolver.permit(ctx, now.guard, q); err != nil {
			return Result{}, worth, err
		}
	}
	if known.err == nil {
		if err := m.resolver.pass(ctx, known.result); err != nil {
			return Result{}, worth, err
		}
	}
	result, err := known.tell()
	result.Remembered = true
	return result, worth, err
}

// refused tells whether an answer is not given while the database cannot be asked: one that a guard would have to decide
// about, or that had ceased to be true when it was last known what is.
// Where nothing is known of its distribution, only one goes on that some process has looked up not long ago.
func refused(known *answer, now standing, asked, shared bool) bool {
	guarded := known.result.Distribution.ContentGuardID != nil || now.guard != nil || now.closed != nil
	return guarded || !asked && !shared || asked && (now.gone || now.stamp != known.stamp)
}

func (a *answer) tell() (Result, error) {
	if a.err != nil {
		return Result{}, a.err
	}
	result := a.result
	result.Slot = &a.slot
	return result, nil
}

// mostListed is how many entries a listing may have to be remembered.
const mostListed = 2000

// memorable makes an answer of a look-up that follows from the rows that the stamp is made of; nil for any other.
func memorable(look *lookUp, err error) *answer {
	d, r := look.result.Distribution, look.result
	if d == nil || look.stamp == "" || look.kind.Finder != nil || look.pulled || look.fleeting {
		return nil
	}
	nothing := errs.Is(err, errs.NotFound)
	switch {
	case err != nil && (!nothing || d.Checkpoint), // a moment that is to come is not there yet
		r.Found != nil && r.Found.Artifact == nil, // it may be stored any time
		r.Listing != nil && len(r.Listing.Entries) > mostListed:
		return nil
	case nothing:
		return &answer{stamp: look.stamp, result: Result{Distribution: d}, err: err}
	}
	return &answer{stamp: look.stamp, result: r}
}

// Keepable is the largest file, in bytes, that may be kept in the slot of a result. Such a result counts as if its file were:
// what is asked for no more makes room for both.
const Keepable = 64 << 10

// weigh estimates the bytes of an answer.
func weigh(at address, a *answer) uint32 {
	n := 1000 + 2*len(at.path)
	if a.result.Found != nil {
		n += 500
		if file := a.result.Found.Artifact; file.Size <= Keepable {
			n += int(file.Size)
		}
	}
	if a.result.Listing != nil {
		n += 200 * len(a.result.Listing.Entries)
	}
	return uint32(n)
}

// look reads what distributions are at the moment.
func (m *Memory) look(ctx context.Context, ids []string) (map[string]standing, error) {
	out := map[string]standing{}
	err := m.resolver.snapshot(ctx, func(tx *gorm.DB) error {
		all, err := m.resolver.stamps(tx, ids)
		if err != nil {
			return err
		}
		guardOf := m.resolver.guardsOf(tx)
		for id, s := range all {
			now := standing{stamp: s.stamp()}
			if s.Guard != nil {
				now.guard, now.closed = guardOf(s.DomainID, *s.Guard)
				if now.closed != nil && !errs.Is(now.closed, errs.Forbidden) {
					return now.closed
				}
			}
			out[id] = now
		}
		for _, id := range ids {
			if _, there := all[id]; !there {
				out[id] = standing{gone: true}
			}
		}
		return nil
	})
	return out, err
}
