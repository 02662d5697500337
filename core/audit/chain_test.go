package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/testkit"
)

// TestChainIsWhatItsCommentSays computes a hash from the words of the comment.
func TestChainIsWhatItsCommentSays(t *testing.T) {
	t.Parallel()
	id, position := int64(7), int64(2)
	e := audit.Entry{
		ID: "00000000-0000-7000-8000-000000000009", Position: &position, At: time.Date(2026, 3, 1, 13, 0, 0, 5000, time.FixedZone("", 3600)), UserID: &id, User: "ann:ü", Via: "session",
		Client: "::1", Method: "PUT", Route: "a/{id}/", Action: "a_update", Object: "prn:a.b:1", Domain: "d", Status: 202, Reason: "", Task: "t", CID: "c", Process: "p", Genuine: true,
	}
	previous := fmt.Sprintf("%x", sha256.Sum256(nil))
	text := "64:" + previous + ",1:2,36:00000000-0000-7000-8000-000000000009,27:2026-03-01T12:00:00.000005Z,1:7,6:ann:ü,7:session,3:::1,3:PUT,7:a/{id}/,8:a_update,9:prn:a.b:1,1:d,3:202,0:,1:t,1:c,1:p,4:true,"
	sum := sha256.Sum256([]byte(text))
	if got, want := e.Chain(previous), hex.EncodeToString(sum[:]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestEveryChangeShows changes each column of each entry, and finds each change at its position.
func TestEveryChangeShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.SQLite(t))
	const n = 7
	w.fill(t, n)
	w.sound(t, n)
	for _, column := range []string{
		"id", "at", "user_id", "username", "via", "client", "method", "route", "action", "object", "domain", "status", "reason", "task", "cid", "process", "genuine", "hash",
	} {
		changed := map[string]string{
			"id": "replace(id, '-7', '-6')", "at": "'2026-03-01 12:00:00.000001+00:00'", "user_id": "NULL", "status": "status + 1", "genuine": "NOT genuine", "hash": "replace(hash, substr(hash, 1, 1), 'x')",
		}[column]
		if changed == "" {
			changed = column + " || 'x'"
		}
		for position := int64(1); position <= n; position++ {
			w.exec(t, "CREATE TABLE kept AS SELECT * FROM core_audit_entries WHERE position = ?", position)
			w.exec(t, "UPDATE core_audit_entries SET "+column+" = "+changed+" WHERE position = ?", position)
			if r := w.report(t, nil); r.OK || r.Findings[0].Position != position {
				t.Errorf("%s of %d: %+v", column, position, r)
			}
			w.exec(t, "DELETE FROM core_audit_entries WHERE position = ?", position)
			w.exec(t, "INSERT INTO core_audit_entries SELECT * FROM kept")
			w.exec(t, "DROP TABLE kept")
		}
	}
	w.sound(t, n)
}

// TestEveryGapShows removes, swaps and inserts.
func TestEveryGapShows(t *testing.T) {
	t.Parallel()
	const n = 6
	at := func(statement string, args ...any) func(t *testing.T, w *world) {
		return func(t *testing.T, w *world) { w.exec(t, statement, args...) }
	}
	type fraud struct {
		first int64 // the position that must be named first
		do    func(t *testing.T, w *world)
	}
	frauds := map[string]fraud{
		"all gone":                {1, at("DELETE FROM core_audit_entries")},
		"the first two gone":      {1, at("DELETE FROM core_audit_entries WHERE position <= 2")},
		"the last two gone":       {5, at("DELETE FROM core_audit_entries WHERE position > 4")},
		"one more":                {n + 1, at("INSERT INTO core_audit_entries SELECT 'x', 7, at, user_id, username, via, client, method, route, action, object, domain, status, reason, task, cid, process, genuine, hash, proof FROM core_audit_entries WHERE position = 6")},
		"one before":              {0, at("INSERT INTO core_audit_entries SELECT 'x', 0, at, user_id, username, via, client, method, route, action, object, domain, status, reason, task, cid, process, genuine, hash, proof FROM core_audit_entries WHERE position = 6")},
		"the head moved":          {4, func(t *testing.T, w *world) { w.cut(t, 4, false) }},
		"the head without a seal": {4, func(t *testing.T, w *world) { w.cut(t, 4, true) }},
		"the anchor moved":        {3, at("UPDATE core_audit_head SET anchor_position = 3, anchor_hash = (SELECT hash FROM core_audit_entries WHERE position = 3)")},
		"no head":                 {0, at("DELETE FROM core_audit_head")},
		"a forged one":            {0, at("INSERT INTO core_audit_entries SELECT 'x', NULL, at, user_id, username, via, client, method, route, action, object, domain, status, reason, task, cid, process, genuine, '', proof FROM core_audit_entries WHERE position = 6")},
	}
	for position := int64(1); position <= n; position++ {
		frauds[fmt.Sprint(position, " gone")] = fraud{position, at("DELETE FROM core_audit_entries WHERE position = ?", position)}
		for other := position + 1; other <= n; other++ {
			frauds[fmt.Sprint("swapped ", position, other)] = fraud{position, func(t *testing.T, w *world) {
				w.exec(t, "UPDATE core_audit_entries SET position = -position WHERE position IN (?, ?)", position, other)
				w.exec(t, "UPDATE core_audit_entries SET position = ? + ? + position WHERE position < 0", position, other)
			}}
		}
	}
	w := newWorld(t, testkit.SQLite(t))
	w.fill(t, n)
	tables := []string{"core_audit_entries", "core_audit_head"}
	for _, table := range tables {
		w.exec(t, "CREATE TABLE kept_"+table+" AS SELECT * FROM "+table)
	}
	for name, f := range frauds {
		f.do(t, w)
		if r := w.report(t, nil); r.OK || r.Findings[0].Position != f.first {
			t.Errorf("%s: %+v", name, r)
		}
		for _, table := range tables {
			w.exec(t, "DELETE FROM "+table)
			w.exec(t, "INSERT INTO "+table+" SELECT * FROM kept_"+table)
		}
	}
	w.sound(t, n)
}

// cut takes away what is behind a position, as somebody would who may write the tables and has no key.
func (w *world) cut(t *testing.T, position int64, unsealed bool) {
	w.exec(t, "DELETE FROM core_audit_entries WHERE position > ?", position)
	w.exec(t, "UPDATE core_audit_head SET position = ?, hash = (SELECT hash FROM core_audit_entries WHERE position = ?)", position, position)
	if unsealed {
		w.exec(t, "UPDATE core_audit_head SET seal = NULL")
	}
}

// TestAnOlderHeadShows: who puts back an older head with its seal is told by a head that was kept elsewhere.
func TestAnOlderHeadShows(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.fill(t, 3)
		w.exec(t, "CREATE TABLE kept AS SELECT * FROM core_audit_head")
		w.fill(t, 3)
		head := point(t, w.sound(t, 6).Head)
		w.fill(t, 1)
		if r := w.report(t, head); !r.OK {
			t.Errorf("a longer chain: %+v", r)
		}
		w.exec(t, "DELETE FROM core_audit_entries WHERE position > 3")
		w.exec(t, "DELETE FROM core_audit_head")
		w.exec(t, "INSERT INTO core_audit_head SELECT * FROM kept")
		w.sound(t, 3)
		if r := w.report(t, head); r.OK || r.Findings[0].Position != 6 {
			t.Errorf("%+v", r)
		}
	})
}

// TestSealingRefusesAHeadThatWasMoved: otherwise the next entry would put a good seal under a fraud.
func TestSealingRefusesAHeadThatWasMoved(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.fill(t, 4)
		w.cut(t, 2, false)
		must(t, w.Record(t.Context(), audit.Entry{User: "ann"}))
		if err := w.Seal(t.Context()); err == nil {
			t.Error("it was sealed")
		}
		if _, err := w.Prune(t.Context(), w.now()); err == nil {
			t.Error("it was pruned")
		}
		if r := w.report(t, nil); r.OK || r.Unsealed != 1 {
			t.Errorf("%+v", r)
		}
	})
}

// TestAForgedEntryIsSealedAsSuch: it stays, for everybody to see.
func TestAForgedEntryIsSealedAsSuch(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.fill(t, 1)
		must(t, w.Record(t.Context(), audit.Entry{User: "ann"}))
		w.exec(t, "UPDATE core_audit_entries SET username = 'bob' WHERE position IS NULL")
		must(t, w.Seal(t.Context()))
		r := w.report(t, nil)
		if r.OK || len(r.Findings) != 1 || r.Findings[0].Position != 2 || r.Entries != 2 {
			t.Errorf("%+v", r)
		}
		rows, err := w.After(t.Context(), 1, 10)
		must(t, err)
		if len(rows) != 1 || rows[0].Genuine || rows[0].User != "bob" {
			t.Errorf("%+v", rows)
		}
	})
}

func TestPoints(t *testing.T) {
	t.Parallel()
	hash := fmt.Sprintf("%x", sha256.Sum256(nil))
	for _, text := range []string{"0:", "7:" + hash} {
		if p := point(t, text); p.String() != text {
			t.Errorf("%q became %q", text, p)
		}
	}
	for _, text := range []string{"", "7", "7:", ":" + hash, "-1:" + hash, "7:" + hash[1:], "7:" + hash[1:] + "G", "x:" + hash} {
		if p, err := audit.ParsePoint(text); err == nil {
			t.Errorf("%q became %+v", text, p)
		}
	}
}

func FuzzParsePoint(f *testing.F) {
	f.Add("42:" + fmt.Sprintf("%x", sha256.Sum256(nil)))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := audit.ParsePoint(text)
		if err != nil {
			return
		}
		if again, err := audit.ParsePoint(p.String()); err != nil || again != p {
			t.Errorf("%q became %q, then %q, %v", text, p, again, err)
		}
	})
}
