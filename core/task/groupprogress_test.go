package task_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// crew is a group and its running tasks.
type crew struct {
	t     *testing.T
	db    *db.DB
	group string
}

func newCrew(t *testing.T, url string) *crew {
	t.Helper()
	c := &crew{t: t, db: tables.Open(t, url, "")}
	must(t, c.db.InTx(t.Context(), func(tx *db.Tx) error {
		group, err := task.NewGroup(tx, ident.DefaultDomain, "of a test", 0)
		if err == nil {
			c.group = group.ID
		}
		return err
	}))
	return c
}

// run makes a running task, of the group or of none, whose progress is saved as often as it says.
func (c *crew) run(group *string, every time.Duration) *task.Run {
	c.t.Helper()
	worker, now := "w", model.Now()
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.job", State: task.Running, Args: []byte("x"), Worker: &worker,
		TaskGroupID: group, StartedAt: &now, PulpCreated: now, PulpLastUpdated: now}
	must(c.t, c.db.InTx(c.t.Context(), func(tx *db.Tx) error { return tx.Create(row).Error }))
	return task.NewRun(task.Setup{DB: c.db, Row: row, Folder: c.t.TempDir(), SaveEvery: every})
}

func (c *crew) reports() []task.GroupReport {
	c.t.Helper()
	var rows []task.GroupReport
	must(c.t, c.db.Read(c.t.Context()).Where("task_group_id = ?", c.group).Order("code").Find(&rows).Error)
	return rows
}

// TestTasksOfAGroupCountTogether has tasks count the same two things at the same time, in different orders.
func TestTasksOfAGroupCountTogether(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		c := newCrew(t, url)
		const tasks, adds = 6, 200
		var all sync.WaitGroup
		for i := range tasks {
			run := c.run(&c.group, time.Millisecond)
			all.Go(func() {
				codes := [2]string{"a", "b"}
				if i%2 == 1 {
					codes = [2]string{"b", "a"}
				}
				own := int64(adds)
				for _, code := range codes {
					p, err := run.GroupProgress(t.Context(), code, "Counted", &own)
					if err != nil {
						t.Error(err)
						return
					}
					for range adds {
						p.Add(1)
					}
					p.AddTotal(1)
				}
				if err := run.Close(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		got := c.reports()
		if len(got) != 2 {
			t.Fatalf("%d reports", len(got))
		}
		for _, r := range got {
			if r.Done != tasks*adds || r.Total == nil || *r.Total != tasks*(adds+1) || r.ChangedAt.Before(r.BeganAt) {
				t.Errorf("%s: %d of %v, from %s to %s", r.Code, r.Done, *r.Total, r.BeganAt, r.ChangedAt)
			}
		}
	})
}

func TestWhoseTaskIsInNoGroupCountsNothing(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		c := newCrew(t, url)
		p, err := c.run(nil, time.Hour).GroupProgress(t.Context(), "a", "Counted", nil)
		must(t, err)
		p.Add(1)
		p.AddTotal(1)
		if got := c.reports(); len(got) != 0 {
			t.Errorf("it counts %v", got)
		}
	})
}

// TestWhoLostItsTaskCountsNoMore settles a task that still counts.
func TestWhoLostItsTaskCountsNoMore(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		c := newCrew(t, url)
		run := c.run(&c.group, time.Hour)
		p, err := run.GroupProgress(t.Context(), "a", "Counted", nil)
		must(t, err)
		p.Add(5)
		must(t, c.db.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_tasks SET state = 'failed' WHERE id = ?", run.ID).Error
		}))
		must(t, run.Close(t.Context()))
		if got := c.reports(); len(got) != 1 || got[0].Done != 0 || got[0].Total != nil {
			t.Errorf("it counted %+v", got)
		}
		if _, err := run.GroupProgress(t.Context(), "b", "Counted", nil); !errs.Is(err, errs.Canceled) {
			t.Errorf("a new report: %v", err)
		}
	})
}

// TestWhatCouldNotBeCountedIsCountedLater takes the database away for a moment.
func TestWhatCouldNotBeCountedIsCountedLater(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		c := newCrew(t, url)
		run := c.run(&c.group, time.Hour)
		p, err := run.GroupProgress(t.Context(), "a", "Counted", nil)
		must(t, err)
		p.Add(3)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := run.Flush(gone); !errors.Is(err, context.Canceled) {
			t.Fatalf("saved without a database: %v", err)
		}
		p.Add(4)
		must(t, run.Flush(t.Context()))
		must(t, run.Flush(t.Context()))
		if got := c.reports(); len(got) != 1 || got[0].Done != 7 {
			t.Errorf("it counted %+v", got)
		}
	})
}

// TestAGroupIsCanceledForWhoComesLater also has many ask at the same time as one cancels.
func TestAGroupIsCanceledForWhoComesLater(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		c := newCrew(t, url)
		ask := func() (canceled bool, err error) {
			err = c.db.InTx(t.Context(), func(tx *db.Tx) (err error) {
				canceled, err = task.GroupCanceled(tx, c.group)
				return err
			})
			return canceled, err
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := ask(); err != nil {
					t.Error(err)
				}
			})
		}
		must(t, c.db.InTx(t.Context(), func(tx *db.Tx) error { return task.CancelGroup(tx, c.group) }))
		all.Wait()
		if canceled, err := ask(); err != nil || !canceled {
			t.Errorf("after the cancel: %v, %v", canceled, err)
		}
		var row task.GroupRow
		must(t, c.db.Read(t.Context()).Where("id = ?", c.group).Take(&row).Error)
		if !row.Canceled || !row.AllTasksDispatched {
			t.Errorf("the row says %+v", row)
		}
		c.group = ident.New()
		if _, err := ask(); !errs.Is(err, errs.NotFound) {
			t.Errorf("a group that is not there: %v", err)
		}
	})
}

func TestRatesAndEnds(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	total := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		done  int64
		total *int64
		took  time.Duration
		want  string
	}{
		"nothing yet":   {0, total(10), time.Minute, "- -"},
		"one":           {1, total(10), time.Minute, "- -"},
		"too soon":      {900, total(1000), 10 * time.Millisecond, "- -"},
		"half way":      {50, total(100), 10 * time.Second, "5 12:00:20"},
		"no total":      {50, nil, 10 * time.Second, "5 -"},
		"all done":      {100, total(100), 10 * time.Second, "10 -"},
		"more than all": {101, total(100), 10 * time.Second, "10.1 -"},
		"a third":       {10, total(20), 30 * time.Second, "0.333 12:01:00"},
		"never":         {2, total(1 << 62), time.Second, "2 -"},
	} {
		changed := began.Add(c.took)
		told := func(rate *float64, end *time.Time) string {
			text := "- "
			if rate != nil {
				text = fmt.Sprint(*rate, " ")
			}
			if end == nil {
				return text + "-"
			}
			return text + end.Format(time.TimeOnly)
		}
		r := task.ProgressReport{State: task.Running, Done: c.done, Total: c.total, BeganAt: &began, ChangedAt: &changed}
		g := task.GroupReport{Done: c.done, Total: c.total, BeganAt: began, ChangedAt: changed}
		if got := told(r.Rate(), r.EstimatedEnd()); got != c.want {
			t.Errorf("%s: a task says %q, want %q", name, got, c.want)
		}
		if got := told(g.Rate(), g.EstimatedEnd()); got != c.want {
			t.Errorf("%s: a group says %q, want %q", name, got, c.want)
		}
		r.State = task.Completed
		if r.EstimatedEnd() != nil {
			t.Errorf("%s: what has ended will end at %s", name, r.EstimatedEnd())
		}
	}
	old := task.ProgressReport{State: task.Running, Done: 5, Total: total(10)}
	if old.Rate() != nil || old.EstimatedEnd() != nil {
		t.Error("a row of an earlier version has a rate")
	}
}

// TestAReportKnowsItsTimes has a report begun, changed and saved, and one that its group begins for it.
func TestAReportKnowsItsTimes(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		c := newCrew(t, url)
		run := c.run(&c.group, time.Hour)
		before := model.Now()
		p, err := run.Progress(t.Context(), "a", "Counted", nil, "")
		must(t, err)
		read := func() (row task.ProgressReport) {
			must(t, c.db.Read(t.Context()).Where("task_id = ?", run.ID).Take(&row).Error)
			return row
		}
		first := read()
		if first.BeganAt == nil || first.BeganAt.Before(before) || !first.ChangedAt.Equal(*first.BeganAt) {
			t.Errorf("begun at %v, changed at %v", first.BeganAt, first.ChangedAt)
		}
		p.Add(3)
		must(t, run.Close(t.Context()))
		if now := read(); !now.BeganAt.Equal(*first.BeganAt) || now.ChangedAt.Before(*now.BeganAt) || now.Done != 3 {
			t.Errorf("begun at %v, changed at %v, done %d", now.BeganAt, now.ChangedAt, now.Done)
		}
		total := int64(7)
		must(t, c.db.InTx(t.Context(), func(tx *db.Tx) error { return task.ReportGroup(tx, c.group, "b", "Counted", &total) }))
		other := c.run(&c.group, time.Hour)
		part, err := other.GroupProgress(t.Context(), "b", "Counted", nil)
		must(t, err)
		part.Add(2)
		must(t, other.Close(t.Context()))
		if got := c.reports(); len(got) != 1 || got[0].Done != 2 || got[0].Total == nil || *got[0].Total != 7 {
			t.Errorf("the group has %+v", got)
		}
	})
}
