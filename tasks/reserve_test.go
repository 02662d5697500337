package tasks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

// modelTask is a task in the model: its number, what it locks, and whether it is ready or running.
type modelTask struct {
	seq  int64
	id   string
	lock task.Locks
	held bool
}

func (a *modelTask) conflicts(b *modelTask) bool {
	for _, r := range a.lock.Exclusive {
		if slices.Contains(b.lock.Exclusive, r) || slices.Contains(b.lock.Shared, r) {
			return true
		}
	}
	for _, r := range a.lock.Shared {
		if slices.Contains(b.lock.Exclusive, r) {
			return true
		}
	}
	return false
}

// settleModel is the rule of the architecture, in ten lines.
func settleModel(all map[string]*modelTask) {
	for _, t := range slices.SortedFunc(maps.Values(all), func(a, b *modelTask) int { return int(a.seq - b.seq) }) {
		free := true
		for _, o := range all {
			if o != t && t.conflicts(o) && (o.held || o.seq < t.seq) {
				free = false
			}
		}
		t.held = t.held || free
	}
}

// open is a dispatch whose transaction is not committed yet.
type open struct {
	task   *modelTask
	row    *task.Row
	commit chan struct{}
	done   chan error
}

func TestReservationsAgreeWithTheModelOnRandomHistories(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(func(o *Options) { o.PreferDefer = true })
		rapid.Check(t, func(rt *rapid.T) { history(t, rt, m) })
	})
}

func history(t *testing.T, rt *rapid.T, m *Tasks) {
	all := map[string]*modelTask{}
	var opened []*open
	outOfOrder, steps := m.db.Dialect() == db.Postgres, 8
	if outOfOrder {
		steps = 16
	}
	resources := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 2)
	defer func() {
		for _, o := range opened {
			close(o.commit)
			<-o.done //nolint:errcheck // its error was looked at, or the test has failed already
		}
		forget(t, m)
	}()
	for range rapid.IntRange(1, steps).Draw(rt, "steps") {
		waiting, held := split(all)
		switch op := rapid.IntRange(0, 5).Draw(rt, "op"); {
		case op <= 1 && outOfOrder && len(opened) < 3:
			opened = append(opened, begin(t, m, args(rt, resources)))
		case op <= 2:
			a := args(rt, resources)
			row := dispatch(t, m, a)
			all[row.ID] = &modelTask{seq: row.Seq, id: row.ID, lock: a.Locks().AndShared("domain").Normal()}
		case op == 3 && len(opened) > 0:
			i := rapid.IntRange(0, len(opened)-1).Draw(rt, "commit")
			o := opened[i]
			opened = slices.Delete(opened, i, i+1)
			close(o.commit)
			must(t, <-o.done)
			o.task.seq = o.row.Seq
			all[o.task.id] = o.task
		case op == 4 && len(waiting) > 0:
			id := rapid.SampledFrom(waiting).Draw(rt, "cancel")
			_, err := m.Cancel(t.Context(), id)
			must(t, err)
			delete(all, id)
		case len(held) > 0:
			id := rapid.SampledFrom(held).Draw(rt, "finish")
			complete(t, m, id)
			delete(all, id)
		}
		settleModel(all)
		compare(t, rt, m, all)
	}
}

func args(rt *rapid.T, resources *rapid.Generator[[]string]) jobArgs {
	return jobArgs{Ex: resources.Draw(rt, "exclusive"), Sh: resources.Draw(rt, "shared")}
}

func split(all map[string]*modelTask) (waiting, held []string) {
	for _, x := range slices.SortedFunc(maps.Values(all), func(a, b *modelTask) int { return int(a.seq - b.seq) }) {
		if x.held {
			held = append(held, x.id)
		} else {
			waiting = append(waiting, x.id)
		}
	}
	return waiting, held
}

// begin dispatches in a transaction that stays open until told to commit.
func begin(t *testing.T, m *Tasks, a jobArgs) *open {
	o := &open{commit: make(chan struct{}), done: make(chan error, 1)}
	numbered := make(chan struct{})
	go func() {
		o.done <- m.db.InTx(t.Context(), func(tx *db.Tx) error {
			row, err := m.Dispatch(t.Context(), tx, a)
			if err != nil {
				return err
			}
			o.row, o.task = row, &modelTask{id: row.ID, lock: a.Locks().AndShared("domain").Normal()}
			close(numbered)
			<-o.commit
			return nil
		})
	}()
	receive(t, numbered)
	return o
}

func complete(t testing.TB, m *Tasks, id string) {
	t.Helper()
	row := grab(t, m, id)
	if row == nil {
		t.Fatalf("task %s was not ready, but should have been", id)
	}
	x := execution{t: m, row: row, name: m.self(), ctx: t.Context()}
	x.finish(verdict{state: task.Completed})
}

func compare(t testing.TB, rt *rapid.T, m *Tasks, all map[string]*modelTask) {
	t.Helper()
	var rows []task.Row
	must(t, m.db.Read(t.Context()).Where("state = ?", task.Waiting).Find(&rows).Error)
	for _, row := range rows {
		if all[row.ID] != nil && all[row.ID].held != row.Ready() {
			rt.Fatalf("task number %d with %v: ready is %v, the model says %v", row.Seq, row.ReservedResources, row.Ready(), all[row.ID].held)
		}
	}
}

func TestConflictingTasksNeverOverlap(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		users := newUsers()
		b.set("use", func(_ context.Context, run *task.Run, a jobArgs) (any, error) { return nil, users.use(a, run.Seq) })
		machines := []*Tasks{b.worker(func(o *Options) { o.Concurrency = 6 })}
		if b.redis != "" {
			machines = append(machines, b.worker(func(o *Options) { o.Concurrency = 6 }))
		}
		var group sync.WaitGroup
		ids := make(chan string, 1000)
		for n := range 4 {
			group.Go(func() {
				for i := range 16 {
					a := jobArgs{Work: "use", Ex: []string{fmt.Sprint("r", (n+i)%4)}, Sh: []string{fmt.Sprint("r", (n*i)%5)}}
					ids <- dispatchAside(t, machines[n%len(machines)], a)
				}
			})
		}
		group.Wait()
		close(ids)
		for id := range ids {
			wait(t, machines[0], id, task.Completed)
		}
		var left int64
		must(t, b.db.Read(t.Context()).Model(&task.Lock{}).Count(&left).Error)
		if left != 0 {
			t.Errorf("%d locks outlive their tasks", left)
		}
	})
}

// dispatchAside dispatches from a goroutine that must not end the test.
func dispatchAside(t testing.TB, m *Tasks, a task.Args) (id string) {
	err := m.db.InTx(t.Context(), func(tx *db.Tx) error {
		row, err := m.Dispatch(t.Context(), tx, a)
		if err == nil {
			id = row.ID
		}
		return err
	})
	if err != nil {
		t.Errorf("dispatch: %v", err)
	}
	return id
}

// users counts who uses a resource and says so when two do that must not.
type users struct {
	mu      sync.Mutex
	readers map[string]int
	writers map[string]int
}

func newUsers() *users {
	return &users{readers: map[string]int{}, writers: map[string]int{}}
}

func (u *users) use(a jobArgs, seq int64) error {
	l := a.Locks().Normal()
	if err := u.change(l, 1, seq); err != nil {
		return err
	}
	return u.change(l, -1, seq)
}

func (u *users) change(l task.Locks, by int, seq int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range l.Exclusive {
		if by > 0 && (u.writers[r] > 0 || u.readers[r] > 0) {
			return fmt.Errorf("task number %d has %s not for itself", seq, r)
		}
		u.writers[r] += by
	}
	for _, r := range l.Shared {
		if by > 0 && u.writers[r] > 0 {
			return fmt.Errorf("task number %d reads %s while it is written", seq, r)
		}
		u.readers[r] += by
	}
	return nil
}

func TestOneResourceIsServedInTheOrderOfDispatch(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		var mu sync.Mutex
		var order []int64
		b.set("note", func(_ context.Context, run *task.Run, _ jobArgs) (any, error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, run.Seq)
			return nil, nil
		})
		m := b.worker()
		var last string
		for range 30 {
			last = dispatch(t, m, jobArgs{Work: "note", Ex: []string{"r"}}).ID
		}
		wait(t, m, last, task.Completed)
		if len(order) != 30 || !slices.IsSorted(order) {
			t.Errorf("started in the order %v", order)
		}
	})
}

func TestSharersRunTogetherAndWaitForAnEarlierWriter(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		writer, first, second := b.blocker("writer"), b.blocker("first"), b.blocker("second")
		m := b.worker()
		w := dispatch(t, m, jobArgs{Work: "writer", Ex: []string{"r"}})
		receive(t, writer.begun)
		one := dispatch(t, m, jobArgs{Work: "first", Sh: []string{"r"}})
		two := dispatch(t, m, jobArgs{Work: "second", Sh: []string{"r"}})
		behind := dispatch(t, m, jobArgs{Work: "writer", Ex: []string{"r"}})
		if one.Ready() || two.Ready() || behind.Ready() {
			t.Fatal("something is ready beside a running writer")
		}
		close(writer.end)
		receive(t, first.begun)
		receive(t, second.begun)
		if load(t, m, behind.ID).Ready() {
			t.Error("a writer is ready beside readers")
		}
		close(first.end)
		wait(t, m, one.ID, task.Completed)
		close(second.end)
		for _, id := range []string{w.ID, two.ID, behind.ID} {
			wait(t, m, id, task.Completed)
		}
	})
}

func TestEveryTaskSharesItsDomain(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process()
		const domain = "prn:core.domain:00000000-0000-7000-8000-000000000001"
		row := dispatch(t, m, jobArgs{Ex: []string{"x", "", "x", "y"}, Sh: []string{"y", "z"}})
		if got, want := fmt.Sprint(load(t, m, row.ID).ReservedResources), "[x y shared:z shared:"+domain+"]"; got != want {
			t.Errorf("record is %s, want %s", got, want)
		}
		whole := dispatch(t, m, jobArgs{Ex: []string{domain}})
		if got := fmt.Sprint(whole.ReservedResources); got != "["+domain+"]" || whole.Ready() {
			t.Errorf("a task on the whole domain has the record %s and ready is %v", got, whole.Ready())
		}
		after := dispatch(t, m, jobArgs{Ex: []string{"elsewhere"}})
		if after.Ready() {
			t.Error("a task overtakes one that waits for the whole domain")
		}
		complete(t, m, row.ID)
		complete(t, m, whole.ID)
		complete(t, m, after.ID)
	})
}

func TestOneEndMaySetManyFree(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(func(o *Options) { o.PreferDefer = true })
		whole := dispatch(t, m, jobArgs{Ex: []string{"all"}})
		const many = 3*examinedAtOnce + 1
		for i := range many {
			dispatch(t, m, jobArgs{Ex: []string{fmt.Sprint("own", i)}, Sh: []string{"all"}})
		}
		var out outcome
		err := m.db.InTx(t.Context(), func(tx *db.Tx) (err error) {
			if err := free(tx, []int64{whole.Seq}, nil, &out); err != nil {
				return err
			}
			out.ready, out.later, err = m.advance(tx, out.freed, out.places)
			return errors.Join(err, errUndo)
		})
		if !errors.Is(err, errUndo) {
			t.Fatal(err)
		}
		if out.ready != examinedAtOnce || len(out.later) != many-examinedAtOnce {
			t.Errorf("one transaction made %d ready and left %d", out.ready, len(out.later))
		}
		complete(t, m, whole.ID)
		eventually(t, "all of them ready", func() bool { return readyOf(t, m, jobArgs{}.Kind()) == many })
	})
}

// errUndo undoes a transaction.
var errUndo = errors.New("undo")

func TestNothingIsDispatchedAfterTheEndOfATransaction(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process()
		err := b.db.InTx(t.Context(), func(tx *db.Tx) error {
			if _, err := m.Dispatch(t.Context(), tx, jobArgs{}); err != nil {
				return err
			}
			tx.BeforeCommit(func() error {
				_, err := m.Dispatch(t.Context(), tx, jobArgs{})
				return err
			})
			return nil
		})
		if !errs.Is(err, errs.Internal) {
			t.Errorf("a task that nobody would write: %v", err)
		}
	})
}

func TestTheCostOfADecisionDoesNotGrowWithUnrelatedTasks(t *testing.T) {
	t.Parallel()
	b := newBed(t, testkit.Postgres(t), "").migrate()
	m := b.process(func(o *Options) { o.PreferDefer = true })
	must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
		for i := range 800 {
			if _, err := m.Dispatch(t.Context(), tx, jobArgs{Ex: []string{fmt.Sprint("q", i/2)}}); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("ANALYZE core_task_locks").Error }))
	const domain = "prn:core.domain:00000000-0000-7000-8000-000000000001"
	query, args := m.viewing(&order{row: &task.Row{Flow: "-:4"}, locks: task.Locks{Exclusive: []string{"mine"}, Shared: []string{domain}}})
	var plan []string
	must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
		if err := tx.PreferIndexes(); err != nil {
			return err
		}
		return tx.Raw("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, BUFFERS) "+query, args...).Scan(&plan).Error
	}))
	var pages int
	for _, line := range plan {
		if n, err := fmt.Sscanf(line, "  Buffers: shared hit=%d", &pages); n == 1 && err == nil {
			break
		}
	}
	if pages == 0 || pages > 60 {
		t.Errorf("the decision touches %d pages:\n%s", pages, plan)
	}
}

func TestDecisionsAboutConflictingTasksFollowOneAnother(t *testing.T) {
	t.Parallel()
	b := newBed(t, testkit.Postgres(t), "").migrate()
	m := b.process(func(o *Options) { o.PreferDefer = true })
	dispatched := make(chan string, 1)
	must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
		if err := tx.LockKeys([]string{task.LockKey("r")}, nil); err != nil { // as another decision about r would
			return err
		}
		go func() { dispatched <- dispatchAside(t, m, jobArgs{Sh: []string{"r"}}) }()
		eventually(t, "a decision that waits for the other", func() bool {
			var waiting int64
			must(t, b.db.Read(t.Context()).Raw(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting).Error)
			return waiting > 0
		})
		return nil
	}))
	if !load(t, m, receive(t, dispatched)).Ready() {
		t.Error("the task is not ready after the decision")
	}
}

func TestOnlyReadyTasksAreClaimed(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m, unknown := b.process(func(o *Options) { o.PreferDefer = true }), "1@unknown"
		ready := dispatch(t, m, jobArgs{Ex: []string{"r"}})
		waiting := dispatch(t, m, jobArgs{Ex: []string{"r"}})
		for _, c := range []struct {
			what, id, name string
			claimed        bool
		}{
			{"a waiting task", waiting.ID, m.self(), false},
			{"a ready task by a process that is taken for dead", ready.ID, unknown, false},
			{"a ready task", ready.ID, m.self(), true},
			{"a running task", ready.ID, m.self(), false},
		} {
			if row := claimOne(t, m, c.id, c.name); (row != nil) != c.claimed {
				t.Errorf("%s: claimed %v", c.what, row != nil)
			}
		}
		x := execution{t: m, row: ready, name: unknown, ctx: t.Context()}
		x.finish(verdict{state: task.Completed})
		if s := load(t, m, ready.ID).State; s != task.Running {
			t.Errorf("a process ended the task of another: it is %s", s)
		}
	})
}
