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
	answers  *otter.Cache[address, *answer]
	standing *vigil[string, standing]
}

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
}

// NewMemory puts a memory of about so many bytes in front of a resolver. commits counts what this process has
// changed in the database, which is seen here at once.
func NewMemory(r *Resolver, bytes int64, commits func() uint64) *Memory {
	return newMemory(r, bytes, clock{now: time.Now, commits: commits})
}

func newMemory(r *Resolver, bytes int64, c clock) *Memory {
	m := &Memory{resolver: r}
	m.answers = otter.Must(&otter.Options[address, *answer]{MaximumWeight: uint64(max(bytes, 1)), Weigher: weigh})
	m.standing = newVigil(c, m.look)
	return m
}

// Resolve is Resolver.Resolve.
func (m *Memory) Resolve(ctx context.Context, domain, path string, q *Request) (Result, error) {
	at := address{domain, path}
	if known, ok := m.answers.GetIfPresent(at); ok {
		if result, told, err := m.recall(ctx, known, q); told {
			return result, err
		}
		m.answers.Invalidate(at)
	}
	if !CleanPath(path) {
		return Result{}, notFound()
	}
	look := &lookUp{resolver: m.resolver, domain: domain, path: path, stamping: true}
	err := m.resolver.resolve(ctx, look, q)
	if known := memorable(look, err); known != nil {
		m.answers.Set(at, known)
		return known.tell()
	}
	if err != nil {
		return Result{}, err
	}
	return look.result, nil
}

// recall gives a remembered answer, if it is still true.
func (m *Memory) recall(ctx context.Context, known *answer, q *Request) (result Result, told bool, err error) {
	if known.slot.dropped.Load() {
		return Result{}, false, nil
	}
	d := known.result.Distribution
	now, there, err := m.standing.get(ctx, d.ID)
	switch {
	case err != nil && (d.ContentGuardID != nil || now.guard != nil || now.closed != nil):
		return Result{}, true, err
	case err == nil && (!there || now.stamp != known.stamp):
		return Result{}, false, nil
	case now.closed != nil:
		return Result{}, true, now.closed
	case now.guard != nil:
		if err := m.resolver.permit(ctx, now.guard, q); err != nil {
			return Result{}, true, err
		}
	}
	if known.err == nil {
		if err := m.resolver.pass(ctx, known.result); err != nil {
			return Result{}, true, err
		}
	}
	result, err = known.tell()
	return result, true, err
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
	if d == nil || look.stamp == "" || look.kind.Finder != nil {
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

// weigh estimates the bytes of an answer.
func weigh(at address, a *answer) uint32 {
	n := 600 + 2*len(at.path)
	if a.result.Found != nil {
		n += 1500
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
		for id, s := range all {
			now := standing{stamp: s.stamp()}
			if s.Guard != nil {
				now.guard, now.closed = m.resolver.guardOf(tx, s.DomainID, *s.Guard)
				if now.closed != nil && !errs.Is(now.closed, errs.Forbidden) {
					return now.closed
				}
			}
			out[id] = now
		}
		return nil
	})
	return out, err
}
