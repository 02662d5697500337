package downloads

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func onBoth(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Parallel()
	for name, address := range map[string]func() string{
		"sqlite": func() string { return "sqlite://" + filepath.Join(t.TempDir(), "test.db") }, "postgres": func() string { return testkit.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			test(t, tables.Open(t, address(), ""))
		})
	}
}

func units(t testing.TB, d *db.DB, n int) []string {
	t.Helper()
	ids, rows := make([]string, n), make([]model.Content, n)
	now := model.Now()
	for i := range rows {
		rows[i] = model.Content{Base: model.NewBase(ident.DefaultDomain), PulpType: "file.file", TimestampOfInterest: now, FirstSeenAt: now}
		ids[i] = rows[i].ID
	}
	if err := d.InTx(t.Context(), func(tx *db.Tx) error { return tx.CreateInBatches(rows, 500).Error }); err != nil {
		t.Fatal(err)
	}
	return ids
}

// lastOf gives the days that are written, by unit.
func lastOf(t *testing.T, d *db.DB) map[string]string {
	t.Helper()
	var rows []struct {
		ContentID      string
		LastDownloaded time.Time
	}
	if err := d.Read(t.Context()).Table("core_content_downloads").Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rows {
		out[r.ContentID] = r.LastDownloaded.UTC().Format(time.RFC3339)
	}
	return out
}

// counted counts the transactions.
type counted struct {
	*db.DB
	n     atomic.Int64
	fault atomic.Bool
}

func (c *counted) InTx(ctx context.Context, work func(tx *db.Tx) error) error {
	c.n.Add(1)
	if c.fault.Load() {
		return errors.New("away")
	}
	return c.DB.InTx(ctx, work)
}

func begin(t testing.TB, store Store) *Downloads {
	t.Helper()
	d := Start(t.Context(), Options{DB: store, Every: time.Hour, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func written(t *testing.T, d *Downloads) {
	t.Helper()
	if err := d.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTheDayIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, base *db.DB) {
		store := &counted{DB: base}
		d, ids := begin(t, store), units(t, base, 4)
		d.Note(ids[0], noon)
		d.Note(ids[0], noon.Add(time.Hour))
		d.Note(ids[1], time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC))
		d.Note(ids[2], time.Date(2026, 11, 21, 1, 0, 0, 0, time.FixedZone("", 2*3600))) // still the 20th
		d.Note(ident.New(), noon)                                                       // gone
		d.Note("no identity", noon)
		d.Note("", noon)
		written(t, d)
		const day20, day21, day22 = "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"
		check := func(want ...string) {
			t.Helper()
			have := lastOf(t, base)
			for i, day := range want {
				if have[ids[i]] != day || len(have) != len(want) {
					t.Errorf("the unit %d was last served on %s, want %s; %d are written", i, have[ids[i]], day, len(have))
				}
			}
		}
		check(day21, day20, day20)
		before := store.n.Load()
		d.Note(ids[0], noon.Add(2*time.Hour))
		d.Note(ids[1], time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC))
		written(t, d)
		if n := store.n.Load() - before; n != 0 {
			t.Errorf("what is written was written again, in %d transactions", n)
		}
		d.Note(ids[0], noon.AddDate(0, 0, 1))
		written(t, d)
		d.Note(ids[0], noon)
		if _, waiting, _ := d.state(); waiting != 0 {
			t.Error("a day before the one that is written is to be written")
		}
		other := begin(t, base)
		other.Note(ids[0], noon) // of another process, whose clock goes wrong
		other.Note(ids[1], noon)
		written(t, other)
		check(day22, day21, day20)
		if err := base.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("DELETE FROM core_contents WHERE id = ?", ids[2]).Error }); err != nil {
			t.Fatal(err)
		}
		check(day22, day21)
	})
}

// TestManyUnits are written in parts, and what fails is written later.
func TestManyUnits(t *testing.T) {
	onBoth(t, func(t *testing.T, base *db.DB) {
		store := &counted{DB: base}
		d, ids := begin(t, store), units(t, base, atOnce+10)
		for _, id := range ids {
			d.Note(id, noon)
		}
		store.fault.Store(true)
		if err := d.Write(t.Context()); err == nil {
			t.Error("nothing failed")
		}
		store.fault.Store(false)
		written(t, d)
		if _, waiting, _ := d.state(); len(lastOf(t, base)) != len(ids) || store.n.Load() != 3 || waiting != 0 {
			t.Errorf("%d units are written in %d transactions, %d wait", len(lastOf(t, base)), store.n.Load(), waiting)
		}
	})
}

// TestTheLastAreWritten at the end.
func TestTheLastAreWritten(t *testing.T) {
	onBoth(t, func(t *testing.T, base *db.DB) {
		ids := units(t, base, 1)
		d := Start(t.Context(), Options{DB: base, Every: time.Hour, Log: slog.New(slog.DiscardHandler)})
		d.Note(ids[0], noon)
		if err := d.Close(); err != nil || len(lastOf(t, base)) != 1 {
			t.Errorf("%v, written: %v", err, lastOf(t, base))
		}
	})
}

// nowhere takes everything, or fails.
type nowhere struct {
	n     atomic.Int64
	fault atomic.Bool
}

func (s *nowhere) InTx(context.Context, func(*db.Tx) error) error {
	s.n.Add(1)
	if s.fault.Load() {
		return errors.New("away")
	}
	return nil
}

// state is how many units are kept in mind, how many of them are not written, and how many were lost.
func (d *Downloads) state() (kept, waiting, lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.units), d.waiting, d.lost
}

// TestMemoryHasABound: what is written is forgotten for what is not, and what cannot be kept is told.
func TestMemoryHasABound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		store := &nowhere{}
		d := Start(t.Context(), Options{DB: store, Every: time.Hour, Log: slog.New(slog.NewTextHandler(&told, nil))})
		for range most / 2 {
			d.Note(ident.New(), noon)
		}
		synctest.Wait()
		if _, waiting, _ := d.state(); store.n.Load() != most/2/atOnce || waiting != 0 {
			t.Errorf("%d transactions, %d wait", store.n.Load(), waiting)
		}
		store.fault.Store(true)
		for range most / 2 {
			d.Note(ident.New(), noon)
		}
		synctest.Wait() // they ask for a write before its time
		for range most/2 + 5 {
			d.Note(ident.New(), noon)
		}
		if kept, waiting, lost := d.state(); kept != most || waiting != most || lost != 5 {
			t.Errorf("%d units are kept, %d wait, %d are lost", kept, waiting, lost)
		}
		<-time.After(2*time.Hour + time.Second)
		synctest.Wait()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if text := told.String(); strings.Count(text, "more content was served") != 1 || strings.Count(text, "is tried again") != 1 || strings.Count(text, "last downloads could not") != 1 {
			t.Errorf("told: %s", text)
		}
	})
}

func BenchmarkNote(b *testing.B) {
	d := begin(b, &nowhere{})
	id := ident.New()
	b.ReportAllocs()
	for b.Loop() {
		d.Note(id, noon)
	}
}

func BenchmarkWrite(b *testing.B) {
	base := tables.Open(b, testkit.Postgres(b), "")
	d, ids, day := begin(b, base), units(b, base, 1000), 0
	for b.Loop() {
		day++
		for _, id := range ids {
			d.Note(id, noon.AddDate(0, 0, day))
		}
		if err := d.Write(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
