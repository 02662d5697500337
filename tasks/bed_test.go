package tasks

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// jobArgs are the arguments of the one kind of task that the tests run; the work is looked up by name in the bed.
type jobArgs struct {
	Work   string
	Secret string
	Ex, Sh []string
}

func (jobArgs) Kind() string { return "test.job" }

func (a jobArgs) Locks() task.Locks { return task.Exclusive(a.Ex...).AndShared(a.Sh...) }

type workFunc func(ctx context.Context, run *task.Run, a jobArgs) (any, error)

// bed is a database with the core's tables and everything that is needed to make machines on it.
type bed struct {
	t     testing.TB
	db    *db.DB
	redis string
	box   *secret.Box
	log   *capture
	mu    sync.Mutex
	works map[string]workFunc
}

// eachMode runs a test in both ways of running: embedded, and with servers.
func eachMode(t *testing.T, test func(t *testing.T, b *bed)) {
	t.Run("embedded", func(t *testing.T) { t.Parallel(); test(t, newBed(t, sqliteURL(t), "").migrate()) })
	t.Run("servers", func(t *testing.T) { t.Parallel(); test(t, newBed(t, testkit.Postgres(t), testkit.Redis(t)).migrate()) })
}

func sqliteURL(t testing.TB) string { return "sqlite://" + t.TempDir() + "/test.db" }

func newBed(t testing.TB, url, redis string) *bed {
	t.Helper()
	ctx := t.Context()
	d, err := db.Open(ctx, db.Options{URL: url, MaxConnections: 10})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	box, err := secret.New(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	b := &bed{t: t, db: d, redis: redis, box: box, log: newCapture(), works: map[string]workFunc{}}
	b.set("", func(context.Context, *task.Run, jobArgs) (any, error) { return nil, nil })
	return b
}

// migrate makes the tables and the default domain.
func (b *bed) migrate() *bed {
	b.t.Helper()
	tables.Fill(b.t, b.db, "")
	return b
}

func (b *bed) set(name string, f workFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.works[name] = f
}

func (b *bed) handler() task.Handler {
	return task.Handle(func(ctx context.Context, run *task.Run, a jobArgs) (any, error) {
		b.mu.Lock()
		f := b.works[a.Work]
		b.mu.Unlock()
		return f(ctx, run, a)
	})
}

// machine makes a machine that is stopped when the test ends.
func (b *bed) machine(change ...func(*Options)) *Tasks {
	b.t.Helper()
	o := Options{
		DB: b.db, Box: b.box, RedisURL: b.redis, Handlers: []task.Handler{b.handler()}, Log: slog.New(b.log),
		Poll: 5 * time.Millisecond, SweepEvery: 50 * time.Millisecond, LookEvery: 50 * time.Millisecond, WatchEvery: 20 * time.Millisecond, Redact: true, Grace: 20 * time.Second,
		WorkDir: b.t.TempDir(),
	}
	for _, f := range change {
		f(&o)
	}
	m, err := New(o)
	must(b.t, err)
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := m.Stop(ctx); err != nil {
			b.t.Errorf("stop: %v", err)
		}
	})
	return m
}

// worker makes a machine that runs tasks.
func (b *bed) worker(change ...func(*Options)) *Tasks {
	b.t.Helper()
	m := b.machine(change...)
	must(b.t, m.StartWorker(b.t.Context()))
	return m
}

// process makes a machine that does not take tasks from the queue, but may claim them.
func (b *bed) process(change ...func(*Options)) *Tasks {
	b.t.Helper()
	m := b.machine(change...)
	must(b.t, m.StartProcess(b.t.Context(), "api"))
	return m
}

func dispatch(t testing.TB, m *Tasks, a task.Args, o ...task.Option) *task.Row {
	t.Helper()
	return dispatchFrom(t, t.Context(), m, a, o...)
}

func dispatchFrom(t testing.TB, ctx context.Context, m *Tasks, a task.Args, o ...task.Option) *task.Row {
	t.Helper()
	var row *task.Row
	must(t, m.db.InTx(ctx, func(tx *db.Tx) (err error) {
		row, err = m.Dispatch(ctx, tx, a, o...)
		return err
	}))
	return row
}

func wait(t testing.TB, m *Tasks, id string, want task.State) *task.Row {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	row, err := m.Wait(ctx, id)
	must(t, err)
	if row.State != want {
		t.Fatalf("task %s is %s (%s), want %s", id, row.State, row.Error, want)
	}
	return row
}

func load(t testing.TB, m *Tasks, id string) *task.Row {
	t.Helper()
	row, err := m.load(t.Context(), id)
	must(t, err)
	return row
}

func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// eventually polls a condition that has no signal.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("%s: it did not come about", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// blocker is work that begins, says so, and goes on until it is told to end or its context ends.
type blocker struct {
	begun chan string
	end   chan struct{}
}

func (b *bed) blocker(name string) *blocker {
	k := &blocker{begun: make(chan string, 100), end: make(chan struct{})}
	b.set(name, func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
		k.begun <- run.ID
		select {
		case <-k.end:
			return "done", nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	})
	return k
}

// capture is a log that can be searched and waited for.
type capture struct {
	slog.Handler
	text  *lockedBuffer
	lines chan string
}

type lockedBuffer struct {
	mu    sync.Mutex
	b     strings.Builder
	lines chan string
}

func newCapture() *capture {
	text := &lockedBuffer{lines: make(chan string, 10000)}
	return &capture{Handler: slog.NewTextHandler(text, &slog.HandlerOptions{Level: slog.LevelInfo}), text: text, lines: text.lines}
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.lines <- string(p):
	default:
	}
	return l.b.Write(p)
}

func (c *capture) String() string {
	c.text.mu.Lock()
	defer c.text.mu.Unlock()
	return c.text.b.String()
}

// forget deletes all tasks, as nothing else does while they are unfinished.
func forget(t testing.TB, m *Tasks) {
	t.Helper()
	must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error {
		return errors.Join(tx.Exec("DELETE FROM core_task_locks").Error, tx.Exec("DELETE FROM core_tasks").Error)
	}))
}

// grab begins a ready task out of turn.
func grab(t testing.TB, m *Tasks, id string) *task.Row {
	t.Helper()
	var rows []task.Row
	must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error {
		return tx.Raw("UPDATE core_tasks SET state = 'running', worker = ?, started_at = ? WHERE id = ? AND state = 'waiting' AND turn IS NOT NULL RETURNING *",
			m.self(), db.Now(), id).Scan(&rows).Error
	}))
	if len(rows) == 0 {
		return nil
	}
	return &rows[0]
}

// claimOne claims a task for the process of that name, if it is the next.
func claimOne(t testing.TB, m *Tasks, id, name string) (row *task.Row) {
	t.Helper()
	other := errors.New("another task was claimed")
	err := m.db.InTx(t.Context(), func(tx *db.Tx) error {
		rows, err := m.claimNext(tx, name, 1, 1)
		if err != nil || len(rows) == 0 {
			return err
		}
		if rows[0].ID != id {
			return other
		}
		row = &rows[0]
		return nil
	})
	if !errors.Is(err, other) {
		must(t, err)
	}
	return row
}
