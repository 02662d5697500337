package serve

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// Reader is what a look-up needs of the database.
type Reader interface {
	Read(ctx context.Context) *gorm.DB
}

// Options are what a Resolver works with.
type Options struct {
	DB    Reader
	Kinds []Kind
	// Gate may be nil: then everything that is found is served.
	Gate Gate
	// Guards are the types of content guards that can be checked; a distribution with another one is closed.
	Guards []GuardKind
	// Holder knows permissions, for guards that ask for one; with nil they let nobody in.
	Holder Holder
	// Key signs addresses that let their holder in.
	Key []byte
	// HideGuarded leaves guarded distributions out of listings.
	HideGuarded bool
	// Grace is how long the files of a publication that a distribution has ceased to serve are still found; 0: not at all.
	Grace time.Duration
	// Pull is how long what upstreams said counts, for distributions that have a remote.
	Pull PullTimes
}

// Resolver looks up paths. It is safe for concurrent use.
type Resolver struct {
	db          Reader
	kinds       map[string]Kind
	guards      map[string]GuardKind
	gate        Gate
	holder      Holder
	key         []byte
	hideGuarded bool
	pull        PullTimes
	grace       time.Duration
}

// New makes a resolver. It panics when there is no database or when two kinds, or two of guards, share a type.
func New(o Options) *Resolver {
	if o.DB == nil {
		panic("serve.New needs a database")
	}
	r := &Resolver{db: o.DB, kinds: map[string]Kind{}, guards: map[string]GuardKind{}, gate: o.Gate, holder: o.Holder, key: o.Key, hideGuarded: o.HideGuarded, pull: o.Pull, grace: o.Grace}
	for _, k := range o.Kinds {
		if _, twice := r.kinds[k.PulpType]; twice || k.PulpType == "" {
			panic(fmt.Sprintf("serve.New: the kind %q is declared twice or has no type", k.PulpType))
		}
		r.kinds[k.PulpType] = k
	}
	for _, g := range o.Guards {
		if _, twice := r.guards[g.PulpType]; twice || g.PulpType == "" || g.Load == nil {
			panic(fmt.Sprintf("serve.New: the kind of guards %q is declared twice, has no type or cannot be read", g.PulpType))
		}
		r.guards[g.PulpType] = g
	}
	return r
}

// Resolve finds what a domain offers under a decoded path below the content prefix; "" is the root. Guards decide about
// the request q; without one they let nobody in. Errors: errs.NotFound, errs.Forbidden (a guard), errs.Unavailable (no
// database, or no plugin for the type), whatever guard, finder and gate return, and errs.Internal.
func (r *Resolver) Resolve(ctx context.Context, domain, path string, q *Request) (Result, error) {
	if !CleanPath(path) {
		return Result{}, notFound()
	}
	look := &lookUp{resolver: r, domain: domain, path: path}
	if err := r.resolve(ctx, look, q); err != nil {
		return Result{}, err
	}
	return look.result, nil
}

func (r *Resolver) resolve(ctx context.Context, look *lookUp, q *Request) error {
	if err := r.guarded(ctx, look, q); err != nil {
		return err
	}
	if look.kind.Finder != nil && !look.result.AddSlash {
		if err := r.find(ctx, look, q); err != nil {
			return err
		}
	}
	return r.pass(ctx, look.result)
}

// pass asks the gate about a file.
func (r *Resolver) pass(ctx context.Context, result Result) error {
	if result.Found == nil || r.gate == nil {
		return nil
	}
	return r.gate(ctx, result.Distribution, result.Found)
}

// find asks the plugin and then the database again. The finder runs outside of a snapshot, because one that reads the
// database would take a second connection while it holds the first, and many of them would wait for each other.
func (r *Resolver) find(ctx context.Context, look *lookUp, q *Request) error {
	found, err := look.kind.Finder(ctx, look.result.Distribution, look.rel)
	if err == nil {
		look.result.Found = found
		return nil
	}
	if !errs.Is(err, errs.NotFound) {
		return err
	}
	look.asked = true
	return r.guarded(ctx, look, q)
}

// turns is how often a guard is asked again because it was changed while it decided.
const turns = 5

// guarded looks up, asking the guard on the way. It decides outside of a snapshot, as a finder does; then the look-up
// is done anew, and nothing of it is told unless the distribution still has the very guard that said yes.
func (r *Resolver) guarded(ctx context.Context, look *lookUp, q *Request) error {
	for range turns {
		look.asking = nil
		err := r.snapshot(ctx, look.run)
		if look.asking == nil {
			return err
		}
		if err := r.permit(ctx, look.asking, q); err != nil {
			return err
		}
		look.permitted = look.asking
	}
	return errs.New(errs.Unavailable, "the content guard of this distribution is being changed; try again in a moment")
}

// permit has a guard decide about a request.
func (r *Resolver) permit(ctx context.Context, guard Guard, q *Request) error {
	if q == nil {
		return closed("its content guard was given nothing to decide about")
	}
	visit := &Visit{Request: q, holder: r.holder, key: r.key, who: sync.OnceValues(func() (*auth.User, error) { return identify(ctx, q) })}
	if err := guard.Permit(ctx, visit); err != nil {
		return fmt.Errorf("ask the content guard: %w", err)
	}
	return nil
}

func (r *Resolver) snapshot(ctx context.Context, read func(tx *gorm.DB) error) error {
	options := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	if err := r.db.Read(ctx).Transaction(read, options); err != nil {
		return fmt.Errorf("look up a path: %w", db.Translate(err))
	}
	return nil
}

// lookUp is one resolution. Its fields are set anew by every run.
type lookUp struct {
	resolver     *Resolver
	domain, path string
	// asked is set when the plugin's finder had nothing.
	asked bool
	// permitted is the guard that said yes; asking is one that has to be asked before the look-up goes on.
	permitted, asking Guard
	// stamping asks for the stamp of the distribution, in the same snapshot.
	stamping bool

	// pulled is set for a path that the upstream of the distribution may have: what is true of it now changes by itself.
	pulled bool
	// fleeting is set for what may end without a change of the distribution: it is not remembered.
	fleeting bool
	kind     Kind
	rel      string
	stamp    string
	result   Result
}

func (l *lookUp) run(tx *gorm.DB) error {
	l.kind, l.rel, l.stamp, l.result, l.pulled, l.fleeting = Kind{}, "", "", Result{}, false, false
	d, err := match(tx, l.domain, l.path)
	if err != nil {
		return err
	}
	if d == nil {
		l.result, err = l.resolver.above(tx, l.domain, l.path)
		return err
	}
	l.result.Distribution = d
	if err := l.admit(tx, d); err != nil {
		return err
	}
	if err := l.note(tx, d); err != nil {
		return err
	}
	if l.path == d.BasePath {
		l.result.AddSlash = true
		return nil
	}
	l.rel = strings.TrimPrefix(l.path, d.BasePath+"/")
	if l.kind.Finder != nil && !l.asked {
		return nil // find goes on from here
	}
	return l.stored(tx, d)
}

// admit checks the guard before anything else is told about the distribution.
func (l *lookUp) admit(tx *gorm.DB, d *model.Distribution) error {
	if d.ContentGuardID != nil {
		guard, err := l.resolver.guardOf(tx, d.DomainID, *d.ContentGuardID)
		if err != nil {
			return err
		}
		if !same(guard, l.permitted) {
			l.asking = guard
			return errs.New(errs.Forbidden, "the content guard has not been asked")
		}
	}
	kind, ok := l.resolver.kinds[d.PulpType]
	if !ok {
		return errs.New(errs.Unavailable, "no enabled plugin serves distributions of type %q; enable the plugin that does", d.PulpType)
	}
	l.kind = kind
	if d.Checkpoint {
		l.kind.Finder = nil // it knows what is there now, and checkpoints are of then
	}
	return nil
}

// note reads the stamp of the distribution.
func (l *lookUp) note(tx *gorm.DB, d *model.Distribution) error {
	if !l.stamping {
		return nil
	}
	all, err := l.resolver.stamps(tx, []string{d.ID})
	if s, there := all[d.ID]; there {
		l.stamp = s.stamp()
	}
	return err
}

func (l *lookUp) stored(tx *gorm.DB, d *model.Distribution) error {
	if d.Checkpoint {
		return l.checkpoint(tx, d)
	}
	if l.kind.Artifacts {
		return l.artifact(tx, d)
	}
	if l.pulls(d) {
		return l.through(tx, d)
	}
	return l.plain(tx, d)
}

// plain resolves what the distribution serves: a publication, or the content of a version.
func (l *lookUp) plain(tx *gorm.DB, d *model.Distribution) error {
	source, err := choose(tx, l.kind, d)
	if err != nil {
		return err
	}
	result, err := source.resolve(l.rel)
	if errs.Is(err, errs.NotFound) {
		result, err = l.grace(tx, d, err)
	}
	result.Distribution = d
	l.result = result
	l.guide(l.rel)
	return err
}

func notFound() error { return errs.New(errs.NotFound, "there is nothing under this path") }
