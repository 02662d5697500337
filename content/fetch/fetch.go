// Package fetch brings files that are not stored yet, at the moment when a client asks for them.
//
// A file is fetched once at a time in a process, however many clients wait for it: they all read one spool, which is the
// staged blob that becomes the artifact. The spool fills as fast as the upstream sends, whatever the clients do. What a
// client may have of it before the end is all but the last 64 KiB: these are held back until size and digest of the whole
// are verified. A file that turns out to be wrong before that point is given up, and the next source is tried, without
// any client noticing; later on, the clients are told and must break off.
//
// Of several processes one fetches: it has the lease of the file, a row. The others wait for it, at most ten seconds, and
// answer from the storage; when it takes longer, they fetch too, for their own clients, and keep nothing. So an upstream is
// asked for a file by no more transfers than there are processes, and normally by one. What is streamed needs no lease,
// since there is nothing to wait for: each process fetches it by itself.
//
// Sources are tried in this order: those of alternate content sources, found by the digest, then those of the unit's own
// remotes. A source whose bytes were wrong, or that does not have the file (404 and 410), is left alone for a cooldown;
// trouble that may pass by itself (no answer, 500, a broken connection) is not remembered, unless clients have seen the
// beginning of the file by then and there are other sources for the next time.
//
// What came without any digest to compare with is what it is: its computed digest becomes that of the unit, as long as the
// unit has no other. Files of remotes with the policy streamed are never stored, and their fetching ends with the last
// client; all others are fetched to the end.
package fetch

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/task"
)

const (
	// heldBack is how many bytes, counted from the end of what has come, no client gets before the verification.
	heldBack = 64 << 10
	// longest bounds a fetch against an upstream that drips for ever.
	longest = 12 * time.Hour
	// restTerm and slowTerm are the defaults of Options.Rest and Options.Slow.
	restTerm = 10 * time.Second
	slowTerm = 5 * time.Second
)

// Source is a remote that is fetched from; *remote.Client is one.
type Source interface {
	Open(ctx context.Context, url string) (*remote.Open, error)
	Do(ctx context.Context, method, url string, header http.Header, body []byte) (*remote.Open, error)
}

// Options are what a Fetcher works with.
type Options struct {
	DB    *db.DB
	Store *artifact.Store
	// Source gives what fetches from a remote.
	Source func(row *model.Remote) (Source, error)
	// Cooldown is how long a source that failed is left alone: remote_content_fetch_failure_cooldown.
	Cooldown time.Duration
	// Alone says that no other process fetches with this database, so that nobody needs to be waited for.
	Alone bool
	// Lease is how long another process is waited for that does not show up any more (0 is 6 seconds), Patience how long
	// one that goes on (0 is 10 seconds).
	Lease, Patience time.Duration
	Log             *slog.Logger

	// What follows is for distributions that have a remote. Tasks dispatches what adds to repositories of the kinds in
	// Repositories, by their pulp_type.
	Tasks        task.Dispatcher
	Repositories map[string]serve.PullRepository
	// Missing is how long it counts that an upstream has no such file; 0 is not at all.
	Missing time.Duration
	// MostPulled is the size of the largest file in bytes; 0 sets no limit.
	MostPulled int64
	// Rest is how long an upstream in trouble is left alone (0 is 10 seconds), Slow how long it is waited for where there is
	// a copy to serve (0 is 5 seconds).
	Rest, Slow time.Duration
}

// Fetcher fetches files for clients. It is safe for concurrent use.
type Fetcher struct {
	Options

	mu      sync.Mutex
	closed  bool
	running map[errandKey]*transfer
	all     sync.WaitGroup

	hosts  hosts
	rests  rests
	absent atomic.Uint64
}

// place is a file of a unit of content.
type place struct {
	domain, content, path string
}

// New makes a Fetcher. It panics when an option is missing.
func New(o Options) *Fetcher {
	if o.DB == nil || o.Store == nil || o.Source == nil || o.Log == nil {
		panic("fetch.New needs a database, a store, sources and a log")
	}
	o.Lease, o.Patience = cmp.Or(o.Lease, leaseTerm), cmp.Or(o.Patience, waitAtMost)
	o.Rest, o.Slow = cmp.Or(o.Rest, restTerm), cmp.Or(o.Slow, slowTerm)
	return &Fetcher{Options: o, running: map[errandKey]*transfer{}, rests: rests{term: o.Rest}}
}

// Fetch begins to fetch a file, or joins those who wait for it already, and returns when there is something to read: more
// than what is held back, or the whole file. Errors: errs.NotFound when no source gives the file, with what they said;
// errs.Unavailable, errs.StorageFull and errs.Internal for trouble of ours; errs.Canceled when ctx ended.
func (f *Fetcher) Fetch(ctx context.Context, domain string, missing *serve.Missing) (*Download, error) {
	t, err := f.join(ctx, place{domain, missing.ContentID, missing.RelativePath})
	if err != nil {
		return nil, err
	}
	return f.begun(ctx, t)
}

// begun gives a transfer to a client as soon as there is something to read.
func (f *Fetcher) begun(ctx context.Context, t *transfer) (*Download, error) {
	d := &Download{transfer: t}
	err := t.await(ctx, func() bool { return t.started || t.ended })
	if err == nil {
		err = t.failure()
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// join adds a reader to the transfer of a place, and begins one where there is none.
func (f *Fetcher) join(ctx context.Context, p place) (*transfer, error) {
	return f.joinWith(ctx, errandKey{place: p}, func(*transfer) {})
}

// joinWith is join; set completes a transfer that is new.
func (f *Fetcher) joinWith(ctx context.Context, k errandKey, set func(t *transfer)) (*transfer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, stopping()
	}
	t := f.running[k]
	if t == nil || !t.enter() {
		// detached: the first client may go, and others stay.
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
		t = &transfer{place: k.place, key: k, cancel: cancel, size: unknown, readers: 1}
		set(t)
		f.running[k] = t
		f.all.Go(func() {
			defer cancel()
			f.run(detached, t)
		})
	}
	return t, nil
}

// forget makes room for another transfer of the same.
func (f *Fetcher) forget(t *transfer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[t.key] == t {
		delete(f.running, t.key)
	}
}

// Close ends all that is being fetched and waits for the end. What was begun leaves nothing behind.
func (f *Fetcher) Close() error {
	f.mu.Lock()
	f.closed = true
	for _, t := range f.running {
		t.cancel()
	}
	f.mu.Unlock()
	f.all.Wait()
	return nil
}

func (f *Fetcher) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func stopping() error {
	return errs.New(errs.Unavailable, "the server is stopping; try again in a moment")
}

var _ Source = (*remote.Client)(nil)
