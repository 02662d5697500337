package tasks

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// Kinds with traits, for what a kind declares.
type (
	longArgs   struct{ jobArgs }
	urgentArgs struct{ jobArgs }
	spareArgs  struct{ jobArgs }
)

func (longArgs) Kind() string   { return "test.long" }
func (urgentArgs) Kind() string { return "test.urgent" }
func (spareArgs) Kind() string  { return "test.spare" }

func withKinds(o *Options) {
	o.PreferDefer = true
	o.Handlers = append(o.Handlers,
		task.Handle(func(context.Context, *task.Run, longArgs) (any, error) { return nil, nil }, task.Long()),
		task.Handle(func(context.Context, *task.Run, urgentArgs) (any, error) { return nil, nil }, task.WithPriority(task.High)),
		task.Handle(func(context.Context, *task.Run, spareArgs) (any, error) { return nil, nil }, task.WithPriority(task.Low)))
}

// user makes a user and gives a context in which that one dispatches.
func (b *bed) user(t testing.TB, id int64) context.Context {
	t.Helper()
	must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
		return tx.Exec("INSERT INTO core_users (id, username, password, date_joined) VALUES (?, ?, '', ?)", id, fmt.Sprint("user", id), model.Now()).Error
	}))
	return task.WithOrigin(t.Context(), task.Origin{UserID: &id})
}

// take claims as a worker would.
func take(t testing.TB, m *Tasks, places, long int) (ids []string) {
	t.Helper()
	must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error {
		rows, err := m.claimNext(tx, m.self(), places, long)
		ids = nil
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		return err
	}))
	return ids
}

func TestOneTaskComesBetweenThoseOfAnotherUser(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(withKinds)
		busy, other := b.user(t, 101), b.user(t, 102)
		for range 40 {
			dispatchFrom(t, busy, m, jobArgs{})
		}
		take(t, m, 10, 10)
		mine := dispatchFrom(t, other, m, jobArgs{})
		if got := take(t, m, 2, 2); !slices.Contains(got, mine.ID) {
			t.Error("the task of another user is not among the next two")
		}
	})
}

func TestPrioritiesChangeTheOrderAndNothingWaitsForEver(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(withKinds)
		spare := dispatch(t, m, spareArgs{})
		for range 3 {
			dispatch(t, m, jobArgs{})
		}
		urgent := dispatch(t, m, urgentArgs{})
		if got := take(t, m, 1, 1); !slices.Equal(got, []string{urgent.ID}) {
			t.Error("the urgent task is not the first")
		}
		taken := false
		for n := 0; !taken; n++ { // a stream of urgent ones goes on
			if n > 100 {
				t.Fatal("the spare task waits for ever")
			}
			dispatch(t, m, urgentArgs{})
			taken = slices.Contains(take(t, m, 1, 1), spare.ID)
		}
	})
}

func TestLongWorkLeavesPlacesToShort(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(withKinds)
		for range 10 {
			dispatch(t, m, longArgs{})
		}
		short := dispatch(t, m, jobArgs{})
		if got := take(t, m, 4, 3); len(got) != 4 || !slices.Contains(got, short.ID) {
			t.Errorf("%d tasks were claimed for four places, of which long work may take three", len(got))
		}
		if got := take(t, m, 1, 0); len(got) != 0 {
			t.Error("long work takes a place that is not for it")
		}
	})
}

// TestCapsHoldAndNoPlaceStaysEmpty compares random histories under a cap for each user and one for a kind with a model.
func TestCapsHoldAndNoPlaceStaysEmpty(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(withKinds, func(o *Options) {
			o.Limits = Limits{PerUser: 3, Kinds: map[string]int{"test.urgent": 2}}
		})
		users := []context.Context{b.user(t, 101), b.user(t, 102)}
		rapid.Check(t, func(rt *rapid.T) {
			defer func() {
				forget(t, m)
			}()
			var all []*task.Row
			for range rapid.IntRange(1, 14).Draw(rt, "steps") {
				who := rapid.IntRange(0, 1).Draw(rt, "user")
				switch op := rapid.IntRange(0, 3).Draw(rt, "op"); {
				case op <= 1:
					var a task.Args = jobArgs{}
					if op == 1 {
						a = urgentArgs{}
					}
					all = append(all, dispatchFrom(t, users[who], m, a))
				case len(all) > 0:
					i := rapid.IntRange(0, len(all)-1).Draw(rt, "which")
					if op == 2 {
						_, err := m.Cancel(t.Context(), all[i].ID)
						must(t, err)
					} else if row := load(t, m, all[i].ID); row.Ready() {
						complete(t, m, row.ID)
					} else {
						continue
					}
					all = slices.Delete(all, i, i+1)
				}
				checkCaps(rt, t, m, all)
			}
		})
	})
}

func checkCaps(rt *rapid.T, t *testing.T, m *Tasks, all []*task.Row) {
	perUser, urgent := map[int64]int{}, 0
	for _, row := range all {
		if load(t, m, row.ID).Ready() {
			perUser[*row.CreatedBy]++
			if row.Name == "test.urgent" {
				urgent++
			}
		}
	}
	if perUser[101] > 3 || perUser[102] > 3 || urgent > 2 {
		rt.Fatalf("ready are %v of the users and %d urgent ones", perUser, urgent)
	}
	for _, row := range all {
		if !load(t, m, row.ID).Ready() && perUser[*row.CreatedBy] < 3 && (row.Name != "test.urgent" || urgent < 2) {
			rt.Fatalf("task number %d waits although there is a place: %v of the users and %d urgent ones", row.Seq, perUser, urgent)
		}
	}
}

func TestACapThatIsLiftedLetsTheParkedGo(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(withKinds, func(o *Options) { o.Limits = Limits{PerUser: 1} })
		who := b.user(t, 101)
		first, second := dispatchFrom(t, who, m, jobArgs{Ex: []string{"r"}}), dispatchFrom(t, who, m, jobArgs{Ex: []string{"s"}})
		if row := load(t, m, second.ID); !first.Ready() || row.Ready() || row.UnblockedAt == nil {
			t.Fatalf("the second is %+v", row)
		}
		behind := dispatch(t, m, jobArgs{Ex: []string{"s"}})
		if behind.Ready() {
			t.Error("a later task overtakes one that a cap keeps back")
		}
		free := b.process(withKinds)
		must(t, free.unblockAll(t.Context()))
		if !load(t, m, second.ID).Ready() {
			t.Error("it is still kept back")
		}
	})
}

// TestNothingIsOverlookedWithoutTheSweeper ends, cancels and dispatches conflicting tasks in several machines at once,
// where only the ends themselves can give the next in line their turn.
func TestNothingIsOverlookedWithoutTheSweeper(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		quiet := func(o *Options) {
			o.Concurrency, o.SweepEvery, o.Limits = 5, time.Hour, Limits{Kinds: map[string]int{"test.job": 7}}
		}
		machines := []*Tasks{b.worker(quiet)}
		if b.redis != "" {
			machines = append(machines, b.worker(quiet), b.worker(quiet))
		}
		var group sync.WaitGroup
		ids := make(chan string, 1000)
		for n := range 6 {
			group.Go(func() {
				m := machines[n%len(machines)]
				for i := range 25 {
					a := jobArgs{Ex: []string{fmt.Sprint("r", (n+i)%3)}, Sh: []string{fmt.Sprint("r", (n*i)%4), "all"}}
					if i%12 == 5 {
						a = jobArgs{Ex: []string{"all", "r1"}}
					}
					id := dispatchAside(t, m, a)
					if i%7 == 3 {
						_, _ = m.Cancel(t.Context(), id) // it may have ended
					}
					ids <- id
				}
			})
		}
		group.Wait()
		close(ids)
		for id := range ids {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			row, err := machines[0].Wait(ctx, id)
			cancel()
			must(t, err)
			if row.State == task.Failed {
				t.Errorf("a task failed: %s", row.Error)
			}
		}
		var left int64
		must(t, b.db.Read(t.Context()).Raw("SELECT (SELECT count(*) FROM core_task_locks) + (SELECT count(*) FROM core_task_caps)").Scan(&left).Error)
		if left != 0 {
			t.Errorf("%d locks and places outlive their tasks", left)
		}
	})
}

func TestANewcomerToAnEmptyLineComesAfterThoseWhoRun(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(withKinds)
		steady, newcomer := b.user(t, 111), b.user(t, 112)
		last := dispatchFrom(t, steady, m, jobArgs{})
		take(t, m, 1, 1)
		for range 50 { // one of them always runs, none ever waits
			next := dispatchFrom(t, steady, m, jobArgs{})
			take(t, m, 1, 1)
			endAll(t, m, last.ID)
			last = next
		}
		for range 20 {
			dispatchFrom(t, newcomer, m, jobArgs{})
		}
		mine := dispatchFrom(t, steady, m, jobArgs{})
		if got := take(t, m, 3, 3); !slices.Contains(got, mine.ID) {
			t.Error("what a user has had done already keeps his next task behind all those of another")
		}
	})
}

func TestPlacesThatAreFreedTogetherAreTakenTogether(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(withKinds, func(o *Options) {
			o.Limits = Limits{PerUser: 2, Kinds: map[string]int{jobArgs{}.Kind(): 10}}
		})
		greedy := b.user(t, 121)
		first := dispatchFrom(t, greedy, m, spareArgs{})
		dispatchFrom(t, greedy, m, spareArgs{}) // the user is at his own limit for good
		var running []string
		for range 10 {
			running = append(running, dispatch(t, m, jobArgs{}).ID)
		}
		for range 8 {
			dispatchFrom(t, greedy, m, jobArgs{})
		}
		for range 20 {
			dispatch(t, m, jobArgs{})
		}
		endAll(t, m, running...)
		if n := readyOf(t, m, jobArgs{}.Kind()); n != 10 {
			t.Errorf("%d of 10 places were taken at once", n)
		}
		complete(t, m, first.ID)
		if n := readyOf(t, m, jobArgs{}.Kind()); n != 10 {
			t.Errorf("%d are ready under a cap of 10", n)
		}
	})
}

func readyOf(t *testing.T, m *Tasks, kind string) (n int) {
	t.Helper()
	must(t, m.db.Read(t.Context()).Raw("SELECT count(*) FROM core_tasks WHERE state = 'waiting' AND turn IS NOT NULL AND name = ?", kind).Scan(&n).Error)
	return n
}

func TestASweepLeavesWhatAFullCapKeepsBackAndFindsWhatALiftedOneKept(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(withKinds, func(o *Options) { o.Limits = Limits{Kinds: map[string]int{jobArgs{}.Kind(): 1}} })
		var parked []*task.Row
		for range 30 {
			parked = append(parked, dispatch(t, m, jobArgs{}))
		}
		before := load(t, m, parked[7].ID)
		must(t, m.unblockAll(t.Context()))
		if after := load(t, m, parked[7].ID); !after.PulpLastUpdated.Equal(before.PulpLastUpdated) {
			t.Error("a sweep has written a task for which nothing has changed")
		}
		lifted := b.process(withKinds)
		must(t, lifted.unblockAll(t.Context()))
		if n := readyOf(t, m, jobArgs{}.Kind()); n != 30 {
			t.Errorf("%d of 30 are ready when there is no cap any more", n)
		}
	})
}

// endAll ends tasks, begun or not, in one transaction.
func endAll(t *testing.T, m *Tasks, ids ...string) {
	t.Helper()
	var endings []*ending
	for _, id := range ids {
		endings = append(endings, &ending{id: id, judge: func(*db.Tx, *task.Row) (verdict, bool, error) {
			return verdict{state: task.Completed}, true, nil
		}})
	}
	_, err := m.conclude(t.Context(), endings, appetite{})
	must(t, err)
}
