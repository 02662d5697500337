package fetch

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// crew are the fetchers of two processes over one database.
type crew struct {
	t     *testing.T
	db    *db.DB
	store *artifact.Store
	a, b  *Fetcher
}

func onBoth(t *testing.T, test func(t *testing.T, c *crew)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newCrew(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, newCrew(t, testkit.Postgres(t)))
	})
}

func newCrew(t *testing.T, address string) *crew {
	local, err := fs.New(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = local.Close() })
	c := &crew{t: t, db: tables.Open(t, address, ""), store: &artifact.Store{Storage: local, Algorithms: []artifact.Algorithm{artifact.SHA256}}}
	c.a, c.b = c.fetcher(0), c.fetcher(0)
	return c
}

func (c *crew) fetcher(lease time.Duration) *Fetcher {
	f := New(Options{DB: c.db, Store: c.store, Log: slog.New(slog.NewTextHandler(c.t.Output(), nil)), Lease: lease, Patience: time.Hour,
		Source: func(*model.Remote) (Source, error) { return nil, errors.New("the upstream was asked") }})
	c.t.Cleanup(func() { _ = f.Close() })
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shift sets when a lease runs out, from the time of the database; without one somebody has it.
func (c *crew) shift(p place, by time.Duration) {
	c.t.Helper()
	must(c.t, c.db.InTx(c.t.Context(), func(tx *db.Tx) error {
		now, err := tx.Time()
		if err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO core_fetch_leases (content_id, relative_path, holder, until) VALUES (?, ?, ?, ?)
			ON CONFLICT (content_id, relative_path) DO UPDATE SET until = excluded.until`, p.content, p.path, ident.New(), now.Add(by)).Error
	}))
}

func (c *crew) rows() (n int) {
	c.t.Helper()
	must(c.t, c.db.Read(c.t.Context()).Raw("SELECT count(*) FROM core_fetch_leases").Scan(&n).Error)
	return n
}

func (c *crew) take(f *Fetcher, p place) *lease {
	c.t.Helper()
	l, err := f.take(c.t.Context(), p)
	must(c.t, err)
	return l
}

// until waits for what another goroutine brings about.
func (c *crew) until(so func() bool) {
	c.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-c.t.Context().Done():
			c.t.Fatal("it never came to this")
		case <-look.C:
		}
	}
}

// TestLease: one has it until it is given back or has run out, and a former holder neither renews nor ends that of another.
func TestLease(t *testing.T) {
	onBoth(t, func(t *testing.T, c *crew) {
		p, other := place{path: "f", content: ident.New()}, place{path: "g", content: ident.New()}
		first := c.take(c.a, p)
		if first == nil || c.take(c.b, p) != nil || c.take(c.a, p) != nil {
			t.Fatal("not exactly one has the lease")
		}
		if held, err := c.b.leased(t.Context(), p); err != nil || !held {
			t.Errorf("it is not seen: %v", err)
		}
		if l := c.take(c.b, other); l == nil {
			t.Error("another file cannot be had")
		} else {
			l.release(t.Context())
		}
		c.shift(p, 0)
		if held, err := c.b.leased(t.Context(), p); err != nil || held {
			t.Errorf("it has run out and is seen: %v", err)
		}
		second := c.take(c.b, p)
		if second == nil {
			t.Fatal("what has run out cannot be had")
		}
		if held, err := first.renew(t.Context()); err != nil || held {
			t.Errorf("what another has was renewed: %v", err)
		}
		first.release(t.Context())
		if n := c.rows(); n != 1 {
			t.Fatalf("%d leases are left", n)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		second.release(ended)
		if n := c.rows(); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

// TestOneOfManyTakes: the lease is one's however many ask for it at once, also for one that has run out.
func TestOneOfManyTakes(t *testing.T) {
	onBoth(t, func(t *testing.T, c *crew) {
		for _, ranOut := range []bool{false, true} {
			p := place{path: "f", content: ident.New()}
			if ranOut {
				c.shift(p, -time.Minute)
			}
			var all sync.WaitGroup
			got := make(chan *lease, 20)
			for i := range cap(got) {
				all.Go(func() {
					l, err := []*Fetcher{c.a, c.b}[i%2].take(t.Context(), p)
					if err != nil {
						t.Error(err)
					}
					got <- l
				})
			}
			all.Wait()
			close(got)
			n := 0
			for l := range got {
				if l != nil {
					n++
					l.release(t.Context())
				}
			}
			if n != 1 {
				t.Errorf("%d have it", n)
			}
		}
	})
}

// TestALeaseIsRenewed: it goes on as long as its transfer does, and sweeps away what nobody has asked for since.
func TestALeaseIsRenewed(t *testing.T) {
	onBoth(t, func(t *testing.T, c *crew) {
		old, ranOut, p := place{path: "f", content: ident.New()}, place{path: "f", content: ident.New()}, place{path: "f", content: ident.New()}
		c.shift(old, -2*forgotten)
		c.shift(ranOut, -time.Minute)
		at := func() (until time.Time) {
			must(t, c.db.Read(t.Context()).Raw("SELECT until FROM core_fetch_leases WHERE content_id = ?", p.content).Scan(&until).Error)
			return until
		}
		l := c.take(c.fetcher(4*time.Second), p)
		begun := at()
		c.until(func() bool { return at().After(begun) })
		if l := c.take(c.a, p); l != nil {
			t.Error("it is renewed and can be had")
		}
		l.release(t.Context())
		if n := c.rows(); n != 1 {
			t.Errorf("%d leases are left, want the one that has just run out", n)
		}
	})
}

// TestWaitingEndsWithItsClients: a process that only waits for another does nothing for nobody.
func TestWaitingEndsWithItsClients(t *testing.T) {
	onBoth(t, func(t *testing.T, c *crew) {
		missing := c.unit()
		l := c.take(c.a, place{ident.DefaultDomain, missing.ContentID, missing.RelativePath})
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := c.b.Fetch(ctx, ident.DefaultDomain, missing)
			gone <- err
		}()
		waiting := func() bool {
			c.b.mu.Lock()
			defer c.b.mu.Unlock()
			t := c.b.running[errandKey{place: place{ident.DefaultDomain, missing.ContentID, missing.RelativePath}}]
			if t == nil {
				return false
			}
			t.mu.Lock()
			defer t.mu.Unlock()
			return t.waiting
		}
		c.until(waiting)
		leave()
		if err := <-gone; !errs.Is(err, errs.Canceled) {
			t.Errorf("the client was told %v", err)
		}
		c.until(func() bool { c.b.mu.Lock(); defer c.b.mu.Unlock(); return len(c.b.running) == 0 })
		go func() {
			_, err := c.b.Fetch(t.Context(), ident.DefaultDomain, missing)
			gone <- err
		}()
		c.until(waiting)
		l.release(t.Context())
		if err := <-gone; !errs.Is(err, errs.NotFound) { // it has come to its own try
			t.Errorf("the next client was told %v", err)
		}
		if n := c.rows(); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

// unit is a unit that nobody has downloaded, with a place.
func (c *crew) unit() *serve.Missing {
	r := &model.Remote{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.raw", Name: "r", URL: "http://upstream.example/", Policy: model.OnDemand}
	unit := &model.Content{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.unit", TimestampOfInterest: model.Now(), FirstSeenAt: model.Now()}
	must(c.t, c.db.InTx(c.t.Context(), func(tx *db.Tx) error {
		for _, row := range []any{r, unit, &model.ContentArtifact{ContentID: unit.ID, RelativePath: "f"},
			&model.RemoteArtifact{ContentID: unit.ID, RelativePath: "f", RemoteID: r.ID, URL: "http://upstream.example/f"}} {
			if err := tx.Create(row).Error; err != nil {
				return err
			}
		}
		return nil
	}))
	return &serve.Missing{ContentID: unit.ID, RelativePath: "f"}
}
