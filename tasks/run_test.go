package tasks

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

func TestProgressIsVisibleSavedAndFinalised(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		begun, proceed := make(chan struct{}), make(chan struct{})
		b.set("count", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			total := int64(10)
			done, err := run.Progress(ctx, "test.done", "Done", &total, "")
			if err != nil {
				return nil, err
			}
			open, err := run.Progress(ctx, "test.open", "Open", nil, "things")
			if err != nil {
				return nil, err
			}
			close(begun)
			<-proceed
			return nil, run.InTx(ctx, func(*db.Tx) error { // also inside a transaction it does not block
				done.Add(4)
				done.Add(6)
				done.Done()
				open.SetTotal(7)
				open.Add(3)
				return errs.New(errs.Invalid, "enough")
			})
		})
		m := b.worker()
		row := dispatch(t, m, jobArgs{Work: "count"})
		receive(t, begun)
		want(t, b, "test.done running 0 10 -", "test.open running 0 - things")
		close(proceed)
		wait(t, m, row.ID, task.Failed)
		want(t, b, "test.done completed 10 10 -", "test.open failed 3 7 things")
	})
}

func want(t testing.TB, b *bed, lines ...string) {
	t.Helper()
	var rows []task.ProgressReport
	must(t, b.db.Read(t.Context()).Order("id").Find(&rows).Error)
	var got []string
	for _, r := range rows {
		total, suffix := "-", "-"
		if r.Total != nil {
			total = fmt.Sprint(*r.Total)
		}
		if r.Suffix != nil {
			suffix = *r.Suffix
		}
		got = append(got, fmt.Sprint(r.Code, " ", r.State, " ", r.Done, " ", total, " ", suffix))
	}
	if fmt.Sprint(got) != fmt.Sprint(lines) {
		t.Errorf("reports are %q, want %q", got, lines)
	}
}

// claimed gives a run without a machine around it.
func claimed(t testing.TB, b *bed, every time.Duration) (*Tasks, *task.Run) {
	t.Helper()
	m := b.process(func(o *Options) { o.PreferDefer = true })
	row := grab(t, m, dispatch(t, m, jobArgs{}).ID)
	return m, task.NewRun(task.Setup{DB: b.db, Row: row, Dispatcher: m, Folder: t.TempDir(), SaveEvery: every})
}

func TestProgressIsSavedNowAndThen(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		_, run := claimed(t, b, time.Millisecond)
		p, err := run.Progress(t.Context(), "test", "Test", nil, "")
		must(t, err)
		p.Add(5)
		eventually(t, "a save beside the work", func() bool {
			var row task.ProgressReport
			must(t, b.db.Read(t.Context()).Take(&row).Error)
			return row.Done == 5
		})
		must(t, run.Close(t.Context()))
	})
}

func TestProgressIsNotSavedAtEachStep(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		_, run := claimed(t, b, time.Hour)
		p, err := run.Progress(t.Context(), "test", "Test", nil, "")
		must(t, err)
		p.Add(5)
		want(t, b, "test running 0 - -")
		must(t, run.Close(t.Context()))
		want(t, b, "test running 5 - -")
	})
}

func TestReserveMakesOthersWaitForWhatTheTaskMade(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m, run := claimed(t, b, time.Hour)
		reserve := func(resource string) error {
			return run.InTx(t.Context(), func(tx *db.Tx) error { return run.Reserve(tx, resource) })
		}
		must(t, reserve("new"))
		if got := load(t, m, run.ID).ReservedResources; len(got) != 2 || got[0] != "new" {
			t.Errorf("the record is %v", got)
		}
		other := dispatch(t, m, jobArgs{Ex: []string{"new", "old"}})
		if other.Ready() {
			t.Error("another task does not wait")
		}
		if err := reserve("old"); !errs.Is(err, errs.Conflict) {
			t.Errorf("reserving what another task wants says %v", err)
		}
		_, _, err := m.settle(t.Context(), run.ID, func(*db.Tx, *task.Row) (verdict, bool, error) {
			return verdict{state: task.Completed}, true, nil
		})
		must(t, err)
		if !load(t, m, other.ID).Ready() {
			t.Error("the other task still waits")
		}
	})
}
