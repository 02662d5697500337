package audit_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// world is a database with a log on it, whose clock is set by hand.
type world struct {
	*audit.Log
	db  *db.DB
	box *secret.Box

	mu  sync.Mutex
	at  time.Time
	out bytes.Buffer
}

func key(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	testkit.OnBoth(t, func(t *testing.T, url string) { test(t, newWorld(t, url)) })
}

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	w := &world{db: tables.Open(t, url, ""), box: box(t, key(1)), at: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)}
	w.Log = w.process(w.box, "")
	return w
}

func box(t testing.TB, keys ...[]byte) *secret.Box {
	t.Helper()
	b, err := secret.New(keys...)
	must(t, err)
	return b
}

// process is the log as another process on the same database has it.
func (w *world) process(box *secret.Box, reads audit.Reads) *audit.Log {
	return audit.New(audit.Options{DB: w.db, Box: box, Process: "1@test", Reads: reads, Log: slog.New(slog.NewTextHandler(w, nil)), Now: w.now, Pause: time.Millisecond})
}

// Write keeps what is logged.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.String()
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) forward(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// fill records and seals n entries, a minute apart.
func (w *world) fill(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		id := int64(i)
		must(t, w.Record(t.Context(), audit.Entry{
			UserID: &id, User: fmt.Sprint("user", i), Via: "password", Client: "192.0.2.7", Method: "POST", Route: "remotes/file/file/", Action: "remotes_file_file_create",
			Object: fmt.Sprint("prn:file.fileremote:", i), Domain: "prn:core.domain:d", Status: 201, Task: "prn:core.task:t", CID: fmt.Sprint("cid", i),
		}))
		w.forward(time.Minute)
	}
	must(t, w.Seal(t.Context()))
}

func (w *world) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec(statement, args...).Error }))
}

func (w *world) count(t testing.TB, where string) (n int64) {
	t.Helper()
	must(t, w.db.Read(t.Context()).Model(&audit.Entry{}).Where(where).Count(&n).Error)
	return n
}

func (w *world) report(t testing.TB, kept *audit.Point) *audit.Report {
	t.Helper()
	r, err := w.Verify(t.Context(), kept)
	must(t, err)
	return r
}

func (w *world) sound(t testing.TB, entries int64) *audit.Report {
	t.Helper()
	r := w.report(t, nil)
	if !r.OK || r.Entries != entries || r.Unsealed != 0 {
		t.Fatalf("the log of %d entries is %+v", entries, r)
	}
	return r
}

func point(t testing.TB, text string) *audit.Point {
	t.Helper()
	p, err := audit.ParsePoint(text)
	must(t, err)
	return &p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
