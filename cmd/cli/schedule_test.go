package cli

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

func TestSchedules(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.ok("migrate")
	if got := b.ok("schedule", "list"); !strings.HasPrefix(got, "NAME") || strings.Count(got, "\n") != 1 {
		t.Fatalf("the table is\n%s", got)
	}
	b.fails(exitFailed, []string{"no schedule", "schedule list"}, "schedule", "pause", "nightly")
	commands := &commands{Process: b.process(nil, nil)}
	commands.data = b.data
	l, err := commands.load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	hour, later := int64(3_600_000_000), model.Now().AddDate(1, 0, 0)
	box, err := node.Keys(l.Settings)
	if err != nil {
		t.Fatal(err)
	}
	args, err := box.Seal(task.ArgsPurpose, []byte(`{"verify":true}`))
	if err != nil {
		t.Fatal(err)
	}
	gone := ident.New()
	rows := []task.ScheduleRow{
		{Base: model.NewBase(ident.DefaultDomain), Name: "nightly", TaskName: "pulpcore.app.tasks.repository.repair_all_artifacts", Args: args, Cron: "30 4 * * *", TimeZone: "Europe/Berlin", NextDispatch: &later},
		{Base: model.NewBase(ident.DefaultDomain), Name: "foreign", TaskName: "gone.kind", Args: []byte("x"), DispatchInterval: &hour, TimeZone: "UTC", NextDispatch: &later, Missed: 3},
		{Base: model.NewBase(ident.DefaultDomain), Name: "past", TaskName: "pulpcore.app.tasks.repository.repair_all_artifacts", Args: args, TimeZone: "UTC", LastTaskID: &gone},
		{Base: model.NewBase(ident.DefaultDomain), Name: "waits\x1b[2J", TaskName: "pulpcore.app.tasks.repository.repair_all_artifacts", Args: args, TimeZone: "UTC"},
	}
	d, err := node.OpenDatabase(t.Context(), l.Settings, l.log, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(&rows).Error }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	state := func(name string) shownSchedule {
		t.Helper()
		var all []shownSchedule
		mustJSON(t, b.ok("schedule", "list", "--format", "json"), &all)
		for _, s := range all {
			if s.Name == name {
				return s
			}
		}
		t.Fatalf("no %s in %+v", name, all)
		panic("unreachable")
	}
	if s := state("foreign"); s.State != "unknown kind" || s.Seconds != 3600 || s.Missed != 3 {
		t.Errorf("%+v", s)
	}
	b.fails(exitFailed, []string{"not paused"}, "schedule", "resume", "nightly")
	b.ok("schedule", "pause", "nightly")
	if s := state("nightly"); s.State != "paused" || s.NextDispatch != nil {
		t.Errorf("%+v", s)
	}
	b.ok("schedule", "resume", "nightly")
	if s := state("nightly"); s.State != "scheduled" || s.NextDispatch.Minute() != 30 || s.NextDispatch.After(model.Now().AddDate(0, 0, 2)) {
		t.Errorf("%+v", s)
	}
	b.fails(exitFailed, []string{"for once"}, "schedule", "resume", "past")
	if s, w := state("past"), state("waits\x1b[2J"); s.State != "done" || w.State != "paused" {
		t.Errorf("one that has fired is %s, one that has not %s", s.State, w.State)
	}
	runSchedules(t, b, d, state)
	if got := b.ok("schedule", "list"); strings.Contains(got, "\x1b") || !strings.Contains(got, "30 4 * * * Europe/Berlin") || !strings.Contains(got, "every 1h0m0s") {
		t.Errorf("the table is\n%s", got)
	}
}

// runSchedules dispatches by hand: that leaves alone when a schedule is next due, whether it is due at all or not, and keeps
// to one task of a schedule at a time.
func runSchedules(t *testing.T, b *bed, d *db.DB, state func(name string) shownSchedule) {
	t.Helper()
	b.fails(exitFailed, []string{"no plugin", "gone.kind"}, "schedule", "run", "foreign")
	for _, name := range []string{"nightly", "past"} {
		before := state(name)
		id := strings.TrimSuffix(b.ok("schedule", "run", name), "\n")
		after := state(name)
		if after.LastTask == nil || *after.LastTask != id || (before.NextDispatch == nil) != (after.NextDispatch == nil) || before.NextDispatch != nil && !before.NextDispatch.Equal(*after.NextDispatch) || after.Missed != before.Missed {
			t.Errorf("%s was %+v and is %+v after the task %s", name, before, after, id)
		}
		var row task.Row
		if err := d.Read(t.Context()).Where("id = ?", id).Take(&row).Error; err != nil {
			t.Fatal(err)
		}
		if row.Name != before.Kind || !row.Ready() || row.LoggingCID != "schedule:"+name || row.CreatedBy != nil || row.DomainID != ident.DefaultDomain {
			t.Errorf("the task is %+v", row)
		}
		b.fails(exitFailed, []string{"is waiting", "packhouse task wait " + id}, "schedule", "run", name)
		b.ok("task", "cancel", id)
	}
	b.ok("schedule", "run", "nightly") // once more, now that the last has ended
	if got := b.ok("audit", "list"); strings.Count(got, "schedule_run") != 6 {
		t.Errorf("the audit log has\n%s", got)
	}
}
