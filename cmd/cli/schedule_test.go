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
	rows := []task.ScheduleRow{
		{Base: model.NewBase(ident.DefaultDomain), Name: "nightly", TaskName: "pulpcore.app.tasks.repository.repair_all_artifacts", Args: []byte("x"), Cron: "30 4 * * *", TimeZone: "Europe/Berlin", NextDispatch: &later},
		{Base: model.NewBase(ident.DefaultDomain), Name: "foreign", TaskName: "gone.kind", Args: []byte("x"), DispatchInterval: &hour, TimeZone: "UTC", NextDispatch: &later, Missed: 3},
		{Base: model.NewBase(ident.DefaultDomain), Name: "past", TaskName: "pulpcore.app.tasks.repository.repair_all_artifacts", Args: []byte("x"), TimeZone: "UTC"},
	}
	d, err := node.OpenDatabase(t.Context(), l.Settings, l.log, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(&rows).Error }); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
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
	b.fails(exitFailed, []string{"paused", "resume it first"}, "schedule", "run", "nightly")
	b.ok("schedule", "resume", "nightly")
	if s := state("nightly"); s.State != "scheduled" || s.NextDispatch.Minute() != 30 || s.NextDispatch.After(model.Now().AddDate(0, 0, 2)) {
		t.Errorf("%+v", s)
	}
	b.ok("schedule", "run", "nightly")
	if s := state("nightly"); s.NextDispatch.After(model.Now()) {
		t.Errorf("%+v", s)
	}
	b.fails(exitFailed, []string{"for once"}, "schedule", "resume", "past")
	if got := b.ok("schedule", "list"); !strings.Contains(got, "30 4 * * * Europe/Berlin") || !strings.Contains(got, "every 1h0m0s") {
		t.Errorf("the table is\n%s", got)
	}
}
