package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/testkit"
)

// TestManySealersMakeOneChain: writers and sealers of several processes at once leave one chain without gaps.
func TestManySealersMakeOneChain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const writers, each = 6, 15
		var writing, sealing sync.WaitGroup
		done := make(chan struct{})
		for range 3 {
			process := w.process(box(t, key(1)), "")
			sealing.Go(func() {
				for {
					if err := process.Seal(t.Context()); err != nil {
						t.Error(err)
						return
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		for i := range writers {
			process := w.process(w.box, "")
			writing.Go(func() {
				for k := range each {
					if err := process.Record(t.Context(), audit.Entry{User: fmt.Sprint(i), CID: fmt.Sprint(k)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writing.Wait()
		close(done)
		sealing.Wait()
		must(t, w.Seal(t.Context()))
		w.sound(t, writers*each)
	})
}

// TestTheEntryOfAChangeIsInItsTransaction: both or neither; and what a killed process left is sealed by the next one.
func TestTheEntryOfAChangeIsInItsTransaction(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		broken := errors.New("broken")
		draft := w.Begin(audit.Entry{User: "ann", CID: "c"}, true, func(task bool) int { return map[bool]int{true: 202, false: 201}[task] })
		ctx := draft.Along(t.Context())
		change := func(prn string, err error) error {
			return w.db.InTx(ctx, func(tx *db.Tx) error {
				audit.From(ctx).Task(tx, prn)
				audit.From(ctx).Task(tx, "prn:core.task:second")
				return errors.Join(tx.Exec("INSERT INTO core_groups (name) VALUES ('g')").Error, err)
			})
		}
		if err := change("prn:core.task:undone", broken); !errors.Is(err, broken) || w.count(t, "TRUE") != 0 {
			t.Fatalf("%v, %d entries", err, w.count(t, "TRUE"))
		}
		must(t, change("prn:core.task:1", nil))
		if n := w.count(t, "status = 202 AND task = 'prn:core.task:1' AND position IS NULL"); n != 1 {
			t.Fatalf("%d entries, and the process is killed here", n)
		}
		next := w.process(box(t, key(1)), "")
		must(t, next.Seal(t.Context()))
		w.sound(t, 1)
		draft.End(t.Context(), 202, "") // what it would have said is told already
		must(t, w.Seal(t.Context()))
		w.sound(t, 1)
	})
}

// TestAChangeFailsWithItsEntry: without an entry there is no change.
func TestAChangeFailsWithItsEntry(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.exec(t, "ALTER TABLE core_audit_entries RENAME TO elsewhere")
		ctx := w.Begin(audit.Entry{User: "ann"}, true, nil).Along(t.Context())
		err := w.db.InTx(ctx, func(tx *db.Tx) error { return tx.Exec("INSERT INTO core_groups (name) VALUES ('g')").Error })
		var groups int64
		must(t, w.db.Read(t.Context()).Table("core_groups").Count(&groups).Error)
		if err == nil || groups != 0 {
			t.Errorf("%v, %d groups", err, groups)
		}
	})
}

// TestWhatEndsOtherwiseIsToldAgain: a change that was committed and an answer that failed are two entries.
func TestWhatEndsOtherwiseIsToldAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		draft := w.Begin(audit.Entry{User: "ann"}, true, func(bool) int { return 201 })
		must(t, w.db.InTx(draft.Along(t.Context()), func(*db.Tx) error { return nil }))
		draft.End(t.Context(), 500, string(errs.Internal))
		must(t, w.Seal(t.Context()))
		rows, err := w.After(t.Context(), 0, 10)
		must(t, err)
		if len(rows) != 2 || rows[0].Status != 201 || rows[1].Status != 500 || rows[1].Reason != "internal" {
			t.Errorf("%+v", rows)
		}
	})
}

// TestWhichReadsAreRecorded goes through the setting.
func TestWhichReadsAreRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.SQLite(t))
	for reads, want := range map[audit.Reads]string{"": "403", audit.RefusedReads: "403", audit.NoReads: "", audit.AllReads: "200 403 404"} {
		w.exec(t, "DELETE FROM core_audit_entries")
		process := w.process(w.box, reads)
		for _, status := range []int{200, 403, 404} {
			process.Begin(audit.Entry{Method: "GET"}, false, nil).End(t.Context(), status, "")
		}
		var got []string
		must(t, w.db.Read(t.Context()).Model(&audit.Entry{}).Order("status").Pluck("CAST(status AS text)", &got).Error)
		if strings.Join(got, " ") != want {
			t.Errorf("%q recorded %q, want %q", reads, got, want)
		}
	}
	w.exec(t, "DELETE FROM core_audit_entries")
	login := w.process(w.box, audit.NoReads).Begin(audit.Entry{Method: "GET"}, false, nil)
	login.Refused("eve", "password")
	login.End(t.Context(), 401, "unauthenticated")
	if w.count(t, "username = 'eve' AND user_id IS NULL") != 1 {
		t.Error("a failed log-in was not recorded")
	}
}

// TestANilLogRecordsNothing: that is what the setting audit.enabled turns it into.
func TestANilLogRecordsNothing(t *testing.T) {
	t.Parallel()
	var l *audit.Log
	d := l.Begin(audit.Entry{}, true, nil)
	d.By(1, "a", "b")
	d.Refused("a", "b")
	d.Object("o")
	d.Task(nil, "t")
	if d.Along(t.Context()) != t.Context() || audit.From(t.Context()) != nil {
		t.Error("the context was changed")
	}
	d.End(t.Context(), 200, "")
	must(t, l.Record(t.Context(), audit.Entry{}))
	l.Start(t.Context())()
}

// TestTextsAreMadeHarmless: what comes from outside can neither break the line nor fill the table.
func TestTextsAreMadeHarmless(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		must(t, w.Record(t.Context(), audit.Entry{User: "a\x00b\nc\x1b[31m\u202ed\xff" + strings.Repeat("é", 5000), CID: "x\r\ny"}))
		must(t, w.Seal(t.Context()))
		rows, err := w.After(t.Context(), 0, 1)
		must(t, err)
		if e := rows[0]; !strings.HasPrefix(e.User, "abc[31mdé") || len(e.User) > 256 || e.CID != "xy" {
			t.Errorf("%q %q", e.User, e.CID)
		}
		w.sound(t, 1)
	})
}

// TestTheSealerSealsByItself: from the start on, when it is told, and at the end.
func TestTheSealerSealsByItself(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		must(t, w.Record(t.Context(), audit.Entry{User: "before"}))
		ctx, cancel := context.WithCancel(t.Context())
		stop := w.Start(ctx)
		wait := func(n int64) {
			for limit := time.Now().Add(time.Minute); w.count(t, "position IS NOT NULL") < n; {
				if time.Now().After(limit) {
					t.Fatalf("%d entries never came; the log says %s", n, w.logged())
				}
			}
		}
		wait(1)
		must(t, w.Record(t.Context(), audit.Entry{User: "during"}))
		wait(2)
		cancel() // requests may still run: the sealer ends when it is told to
		must(t, w.Record(t.Context(), audit.Entry{User: "last"}))
		stop()
		w.sound(t, 3)
	})
}

// TestRetention removes from the beginning only, and the rest still holds.
func TestRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		begin := w.now()
		w.fill(t, 10) // a minute apart
		for _, c := range []struct {
			before  time.Duration
			removed int64
		}{{0, 0}, {3 * time.Minute, 3}, {3 * time.Minute, 0}, {7*time.Minute + time.Microsecond, 5}} {
			n, err := w.Prune(t.Context(), begin.Add(c.before))
			if err != nil || n != c.removed {
				t.Errorf("%s: %d, %v", c.before, n, err)
			}
		}
		r := w.sound(t, 2)
		w.fill(t, 2)
		if r := w.report(t, point(t, r.Anchor)); !r.OK || r.Entries != 4 {
			t.Errorf("%+v", r)
		}
		n, err := w.Prune(t.Context(), w.now())
		if err != nil || n != 4 {
			t.Errorf("%d, %v", n, err)
		}
		w.sound(t, 0)
		w.fill(t, 1)
		if r := w.sound(t, 1); !strings.HasPrefix(r.Head, "13:") {
			t.Errorf("%+v", r)
		}
		if r := w.report(t, point(t, r.Head)); r.OK {
			t.Errorf("a head that was pruned: %+v", r)
		}
	})
}

// TestRetentionStopsAtTheFirstYoungEntry even when an older one stands behind it.
func TestRetentionStopsAtTheFirstYoungEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.SQLite(t))
	begin := w.now()
	for _, later := range []time.Duration{0, 5 * time.Minute, time.Minute} {
		w.mu.Lock()
		w.at = begin.Add(later)
		w.mu.Unlock()
		must(t, w.Record(t.Context(), audit.Entry{User: "ann"}))
	}
	must(t, w.Seal(t.Context()))
	if n, err := w.Prune(t.Context(), begin.Add(3*time.Minute)); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	w.sound(t, 2)
}

// TestAnotherKey: a retired key must still be in the file, and without it nothing is sealed and nothing passes.
func TestAnotherKey(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.fill(t, 3)
		must(t, w.Record(t.Context(), audit.Entry{User: "old key"}))
		stranger := w.process(box(t, key(2)), "")
		if err := stranger.Seal(t.Context()); err == nil {
			t.Error("a process with another key sealed")
		}
		if r, err := stranger.Verify(t.Context(), nil); err != nil || r.OK {
			t.Errorf("%+v, %v", r, err)
		}
		rotated := w.process(box(t, key(2), key(1)), "")
		for _, c := range audit.Sealed()[1:] { // the ends first: new entries may be written before the old ones are sealed
			w.reseal(t, c, box(t, key(2), key(1)))
		}
		must(t, rotated.Record(t.Context(), audit.Entry{User: "new key"}))
		must(t, stranger.Seal(t.Context()))
		if w.count(t, "position IS NULL") != 1 || !strings.Contains(w.logged(), "not in this process's key file") {
			t.Errorf("the entry of the old key: %d wait\n%s", w.count(t, "position IS NULL"), w.logged())
		}
		must(t, rotated.Seal(t.Context()))
		if r, err := stranger.Verify(t.Context(), nil); err != nil || !r.OK || r.Entries != 5 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// reseal does what a rotation of keys does with a column of the head.
func (w *world) reseal(t *testing.T, c secret.Column, keys *secret.Box) {
	t.Helper()
	var sealed [][]byte
	must(t, w.db.Read(t.Context()).Table(c.Table).Where(c.Column+" IS NOT NULL").Pluck(c.Column, &sealed).Error)
	for _, old := range sealed {
		again, err := keys.Reseal(c.Purpose, old)
		must(t, err)
		w.exec(t, "UPDATE "+c.Table+" SET "+c.Column+" = ? WHERE "+c.Column+" = ?", again, old)
	}
}
