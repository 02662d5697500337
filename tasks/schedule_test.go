package tasks

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// schedule stores the row of a schedule of the job kind whose next moment was some time ago.
func (b *bed) schedule(name string, ago time.Duration, change ...func(*task.ScheduleRow)) *task.ScheduleRow {
	b.t.Helper()
	plain, err := json.Marshal(jobArgs{Ex: []string{"scheduled"}})
	must(b.t, err)
	sealed, err := b.box.Seal(purpose, plain)
	must(b.t, err)
	row := &task.ScheduleRow{Base: model.NewBase(ident.DefaultDomain), Name: name, TaskName: "test.job", Args: sealed, TimeZone: "UTC",
		DispatchInterval: new(time.Hour.Microseconds()), NextDispatch: new(model.Now().Add(-ago))}
	for _, f := range change {
		f(row)
	}
	must(b.t, b.db.InTx(b.t.Context(), func(tx *db.Tx) error { return tx.Create(row).Error }))
	return row
}

// again reads the row of a schedule.
func (b *bed) again(s *task.ScheduleRow) *task.ScheduleRow {
	b.t.Helper()
	var row task.ScheduleRow
	must(b.t, b.db.Read(b.t.Context()).Where("id = ?", s.ID).Take(&row).Error)
	return &row
}

// dispatched are the tasks of a schedule, in order.
func (b *bed) dispatched(name string) []task.Row {
	b.t.Helper()
	var rows []task.Row
	must(b.t, b.db.Read(b.t.Context()).Where("logging_cid = ?", "schedule:"+name).Order("seq").Find(&rows).Error)
	return rows
}

// end gives a task its final state by hand.
func (b *bed) end(id string, state task.State) {
	b.t.Helper()
	must(b.t, b.db.InTx(b.t.Context(), func(tx *db.Tx) error {
		return tx.Model(&task.Row{}).Where("id = ?", id).Update("state", state).Error
	}))
}

func TestAScheduleFires(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.machine()
		s := b.schedule("one", time.Minute)
		must(t, m.fireDue(t.Context()))
		must(t, m.fireDue(t.Context()))
		rows, now := b.dispatched("one"), b.again(s)
		if len(rows) != 1 {
			t.Fatalf("%d tasks", len(rows))
		}
		if r := rows[0]; r.CreatedBy != nil || r.DomainID != ident.DefaultDomain || r.Name != "test.job" || fmt.Sprint(r.ReservedResources) != "[scheduled shared:prn:core.domain:"+ident.DefaultDomain+"]" {
			t.Errorf("the task is %+v", r)
		}
		if want := s.NextDispatch.Add(time.Hour); !now.NextDispatch.Equal(want) || now.Missed != 0 || *now.LastTaskID != rows[0].ID {
			t.Errorf("the schedule is %+v, want the next at %s", now, want)
		}
	})
}

func TestWorkersLookWhatIsDue(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.worker()
		s := b.schedule("due", time.Minute)
		eventually(t, "a worker fires the schedule", func() bool { return b.again(s).LastTaskID != nil })
		wait(t, m, *b.again(s).LastTaskID, task.Completed)
	})
}

func TestTenSchedulersFireAMomentOnce(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		const schedules, schedulers = 20, 10
		var machines []*Tasks
		for range schedulers {
			machines = append(machines, b.machine())
		}
		for i := range schedules {
			b.schedule(fmt.Sprint("s", i), time.Minute)
		}
		var together sync.WaitGroup
		for _, m := range machines {
			together.Go(func() {
				for range 3 {
					if err := m.fireDue(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		together.Wait()
		for i := range schedules {
			if n := len(b.dispatched(fmt.Sprint("s", i))); n != 1 {
				t.Errorf("schedule %d was fired %d times", i, n)
			}
		}
	})
}

func TestMissedMomentsAreMadeUpForOnce(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.machine()
		s := b.schedule("down", 3*time.Hour+time.Minute)
		must(t, m.fireDue(t.Context()))
		must(t, m.fireDue(t.Context()))
		now := b.again(s)
		if n := len(b.dispatched("down")); n != 1 || now.Missed != 3 || !now.NextDispatch.Equal(s.NextDispatch.Add(4*time.Hour)) {
			t.Errorf("%d tasks, %d missed, next at %s", n, now.Missed, now.NextDispatch)
		}
		if log := b.log.String(); !strings.Contains(log, "made up for once") || !strings.Contains(log, "missed=3") {
			t.Errorf("the log has %s", log)
		}
	})
}

// The next moment that is noted keeps a clock that is set back from firing again what was fired.
func TestAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.machine()
		s := b.schedule("back", time.Second, func(s *task.ScheduleRow) { s.DispatchInterval, s.Cron = nil, "*/5 * * * *" })
		must(t, m.fireDue(t.Context()))
		now := b.again(s)
		b.end(*now.LastTaskID, task.Completed)
		if now.NextDispatch.Before(model.Now().Add(-time.Second)) {
			t.Errorf("the next moment, %s, is not in the future", now.NextDispatch)
		}
		// A clock that goes back finds every moment that was fired before the one that is noted.
		must(t, m.fireDue(t.Context()))
		if n := len(b.dispatched("back")); n != 1 {
			t.Errorf("%d tasks", n)
		}
	})
}

func TestAMomentWaitsForTheLastTask(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.machine()
		s := b.schedule("slow", time.Minute)
		must(t, m.fireDue(t.Context()))
		first := *b.again(s).LastTaskID
		due := func(ago time.Duration) {
			must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
				return tx.Model(s).Update("next_dispatch", model.Now().Add(-ago)).Error
			}))
		}
		due(10 * time.Minute)
		must(t, m.fireDue(t.Context()))
		if now := b.again(s); now.Missed != 0 || len(b.dispatched("slow")) != 1 {
			t.Errorf("one moment waits: %d missed, %d tasks", now.Missed, len(b.dispatched("slow")))
		}
		due(2*time.Hour + 10*time.Minute)
		must(t, m.fireDue(t.Context()))
		must(t, m.fireDue(t.Context()))
		now := b.again(s)
		if now.Missed != 2 || len(b.dispatched("slow")) != 1 || now.NextDispatch.After(model.Now()) {
			t.Errorf("two have gone by: %d missed, %d tasks, next at %s", now.Missed, len(b.dispatched("slow")), now.NextDispatch)
		}
		b.end(first, task.Failed)
		must(t, m.fireDue(t.Context()))
		if now := b.again(s); now.Missed != 2 || len(b.dispatched("slow")) != 2 || !now.NextDispatch.After(model.Now()) {
			t.Errorf("made up for: %d missed, %d tasks, next at %s", now.Missed, len(b.dispatched("slow")), now.NextDispatch)
		}
	})
}

func TestWhatCannotBeFired(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.machine()
		other, err := b.box.Seal(purpose, []byte(`{"Work":"","Old":1}`))
		must(t, err)
		left := []*task.ScheduleRow{
			b.schedule("no plugin", 2*time.Hour, func(s *task.ScheduleRow) { s.TaskName = "gone.kind" }),
			b.schedule("no zone", 2*time.Hour, func(s *task.ScheduleRow) { s.Cron, s.DispatchInterval, s.TimeZone = "@daily", nil, "Atlantis/Capital" }),
			b.schedule("older arguments", 2*time.Hour, func(s *task.ScheduleRow) { s.Args = other }),
			b.schedule("no key", 2*time.Hour, func(s *task.ScheduleRow) { s.Args = []byte("x") }),
		}
		b.schedule("paused", 0, func(s *task.ScheduleRow) { s.NextDispatch = nil })
		once := b.schedule("once", time.Hour, func(s *task.ScheduleRow) { s.DispatchInterval = nil })
		for range 3 {
			must(t, m.fireDue(t.Context()))
		}
		for _, s := range left {
			if told := `"a schedule is due and cannot be fired" schedule="` + s.Name + `"`; !strings.Contains(b.log.String(), told) {
				t.Errorf("the log does not tell of %s: %s", s.Name, b.log)
			}
			if now := b.again(s); now.Missed != 0 || !now.NextDispatch.Equal(*s.NextDispatch) || len(b.dispatched(s.Name)) > 0 {
				t.Errorf("%s: %+v", s.Name, now)
			}
		}
		if now := b.again(once); now.NextDispatch != nil || len(b.dispatched("once")) != 1 || len(b.dispatched("paused")) != 0 {
			t.Errorf("once: %+v", now)
		}
		if n := strings.Count(b.log.String(), "is due and cannot be fired"); n != len(left) {
			t.Errorf("the log tells %d times of %d schedules: %s", n, len(left), b.log)
		}
	})
}

func TestFaultsAreToldEveryHour(t *testing.T) {
	t.Parallel()
	var f scheduleFaults
	start := time.Unix(1000, 0)
	got := []bool{f.due("a", start), f.due("a", start.Add(time.Minute)), f.due("b", start.Add(time.Minute)), f.due("a", start.Add(time.Hour))}
	if fmt.Sprint(got) != "[true false true true]" {
		t.Errorf("%v", got)
	}
}

func TestDeclaredSchedulesAreRows(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		declare := func(all ...task.Declared) map[string]task.ScheduleRow {
			t.Helper()
			must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error { return task.Declare(tx, b.box, all) }))
			var rows []task.ScheduleRow
			must(t, b.db.Read(t.Context()).Find(&rows).Error)
			out := map[string]task.ScheduleRow{}
			for _, r := range rows {
				out[r.Name] = r
			}
			return out
		}
		one := task.Schedule{Name: "one", Args: jobArgs{Work: "w"}, Every: time.Hour}
		two := task.Schedule{Name: "two", Args: jobArgs{}, Cron: "@daily"}
		b.schedule("mine", 0)
		first := declare(task.Declared{Origin: "app", Schedules: []task.Schedule{one, two}}, task.Declared{Origin: "other", Schedules: []task.Schedule{two}})
		if len(first) != 4 || first["app/one"].NextDispatch.Sub(model.Now()) < 50*time.Minute || first["app/two"].NextDispatch.Hour() != 0 || first["app/one"].Origin != "app" {
			t.Fatalf("declared: %+v", first)
		}
		if again := declare(task.Declared{Origin: "app", Schedules: []task.Schedule{one, two}}); !reflect.DeepEqual(again, first) {
			t.Errorf("declared again: %+v, want %+v", again, first)
		}
		must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_task_schedules SET next_dispatch = NULL WHERE name = 'app/two'").Error
		}))
		one.Every, two.Args = 2*time.Hour, jobArgs{Work: "other"}
		changed := declare(task.Declared{Origin: "app", Schedules: []task.Schedule{one, two}})
		if changed["app/two"].NextDispatch != nil || fmt.Sprint(changed["app/two"].Args) == fmt.Sprint(first["app/two"].Args) || changed["app/one"].NextDispatch.Sub(model.Now()) < 110*time.Minute {
			t.Errorf("changed: %+v", changed)
		}
		if fewer := declare(task.Declared{Origin: "app", Schedules: []task.Schedule{one}}); len(fewer) != 3 || fewer["mine"].ID == "" || fewer["other/two"].ID == "" {
			t.Errorf("fewer: %+v", fewer)
		}
		if none := declare(task.Declared{Origin: "app"}); len(none) != 2 {
			t.Errorf("none: %+v", none)
		}
	})
}
