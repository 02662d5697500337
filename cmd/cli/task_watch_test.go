package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

// sqliteBed is for what does not depend on the kind of the database.
func sqliteBed(t *testing.T) *taskBed {
	t.Helper()
	b := newBed(t)
	return openTaskBed(t, b, "sqlite://"+filepath.Join(b.data, "packhouse.db"))
}

func (b *taskBed) group() *task.GroupRow {
	b.t.Helper()
	group := &task.GroupRow{Base: model.NewBase(ident.DefaultDomain)}
	b.do(func(tx *db.Tx) error { return tx.Create(group).Error })
	return group
}

// TestWaitForAGroup: it has ended when all its tasks have, and no more can come.
func TestWaitForAGroup(t *testing.T) {
	onBoth(t, func(t *testing.T, b *taskBed) {
		group := b.group()
		of := func(r *task.Row) { nowRunning(r); r.TaskGroupID = &group.ID }
		first, second := b.task("a.a", "x", of), b.task("a.a", "y", of)
		b.task("a.a", "z", nowRunning) // somebody else's
		b.end(first, task.Completed, nil)
		got := b.during(second.ID+" running", false, func(func()) {
			third := b.task("a.a", "w", of)
			b.end(second, task.Completed, nil)
			b.do(func(tx *db.Tx) error { return task.CloseGroup(tx, group.ID) })
			b.end(third, task.Failed, task.Reason{Reason: "out of luck"}.JSON())
		}, "task", "wait", "--group", group.ID[:18])
		if got.code != exitFailed || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, "has failed: out of luck") || !strings.Contains(got.stdout, second.ID+" completed") || strings.Count(got.stdout, first.ID) != 1 {
			t.Errorf("%+v", got)
		}
		open := b.group()
		row := b.task("a.a", "v", func(r *task.Row) { nowRunning(r); r.TaskGroupID = &open.ID })
		b.end(row, task.Completed, nil)
		got = b.during(row.ID+" completed", false, func(interrupt func()) { interrupt() }, "task", "wait", "--group", open.ID)
		if got.code != exitFailed || !strings.Contains(got.stderr, "packhouse task cancel --group "+open.ID) {
			t.Errorf("of a group that may get more: %+v", got)
		}
		b.fails(exitFailed, []string{"no task group"}, "task", "wait", "--group", ident.New())
		b.fails(exitMisused, []string{"--group"}, "task", "wait")
		b.fails(exitMisused, []string{"--group"}, "task", "wait", row.ID, "--group", open.ID)
	})
}

// TestGroupsAreNotTasks: where a task is wanted, a group is answered with what can be done with it.
func TestGroupsAreNotTasks(t *testing.T) {
	t.Parallel()
	b := sqliteBed(t)
	group := b.group()
	for _, named := range []string{group.ID, group.ID[:18], "prn:core.taskgroup:" + group.ID, "/pulp/api/v3/task-groups/" + group.ID + "/"} {
		for _, command := range []string{"show", "wait", "cancel", "why", "logs"} {
			b.fails(exitMisused, []string{group.ID, "is a task group", "packhouse task wait --group ", "packhouse task cancel --group "}, "task", command, named)
		}
	}
}

// TestAnOutageIsWaitedOut: while the database does not answer it is asked again, which is said once for each outage.
func TestAnOutageIsWaitedOut(t *testing.T) {
	t.Parallel()
	b := sqliteBed(t)
	row := b.task("a.a", "x", nowRunning)
	b.end(row, task.Completed, nil)
	looks, stderr := 0, bytes.Buffer{}
	read := b.db.Read(t.Context())
	err := read.Callback().Row().Before("gorm:row").Register("be away", func(read *gorm.DB) {
		switch looks++; looks {
		case 1, 2, 3:
			_ = read.AddError(errs.New(errs.Unavailable, "gone"))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &commands{Process: Process{Stdout: &bytes.Buffer{}, Stderr: &stderr}}
	w := &watch{c: c, read: read, ids: []string{row.ID}, told: map[string]string{}, outage: outage{c: c}}
	if err := w.untilEnd(t.Context()); err != nil || looks < 4 || strings.Count(stderr.String(), "the database does not answer") != 1 {
		t.Errorf("%v after %d looks: %s", err, looks, &stderr)
	}
	w.outage.keeps(errs.New(errs.Unavailable, "gone again"))
	if strings.Count(stderr.String(), "the database does not answer") != 2 {
		t.Errorf("a second outage is not said: %s", &stderr)
	}
	if fault := errs.New(errs.Internal, "a fault"); w.outage.keeps(fault) || w.outage.keeps(nil) {
		t.Error("it asks again after what is no outage")
	}
}

// TestStatementsAreNotForTheTerminal: what fails is said in words, not in SQL.
func TestStatementsAreNotForTheTerminal(t *testing.T) {
	t.Parallel()
	b := sqliteBed(t)
	row := b.task("a.a", "x", nowRunning)
	b.do(func(tx *db.Tx) error { return tx.Exec("ALTER TABLE core_progress_reports RENAME TO gone").Error })
	for level, told := range map[string]bool{"info": false, "debug": true} {
		var stderr bytes.Buffer
		code := b.process(&bytes.Buffer{}, &stderr, "--set", "log.level="+level, "task", "show", row.ID).Run(t.Context())
		if code != exitFailed || strings.Contains(stderr.String(), "SELECT") != told {
			t.Errorf("with log.level %s it exited with %d and said %s", level, code, &stderr)
		}
	}
}

// TestALostConnectionIsWaitedOut: PostgreSQL ends all connections while a command waits.
func TestALostConnectionIsWaitedOut(t *testing.T) {
	t.Parallel()
	url := testkit.Postgres(t)
	b := openTaskBed(t, newBed(t, "PACKHOUSE_DATABASE__URL="+url), url)
	row := b.task("a.a", "x", nowRunning)
	stdout, stderr, done := newWaiter(row.ID+" running"), &bytes.Buffer{}, make(chan int, 1)
	go func() { done <- b.process(stdout, stderr, "task", "wait", row.ID).Run(t.Context()) }()
	stdout.wait(t)
	b.do(func(tx *db.Tx) error {
		return tx.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Error
	})
	b.end(row, task.Completed, nil)
	code := <-done
	if text := stderr.String(); code != 0 || strings.Contains(text, "time=") {
		t.Errorf("it exited with %d and said %s", code, text)
	}
}

// TestKindsAreFoundAsTheyArePrinted: and by their full names.
func TestKindsAreFoundAsTheyArePrinted(t *testing.T) {
	onBoth(t, func(t *testing.T, b *taskBed) {
		row := b.task("sync.sync", "x", nil)
		b.task("publish.publish", "y", nil)
		for _, kind := range []string{"pulp_x.sync.sync", "pulp_x.app.tasks.sync.sync", "app.tasks.sync", "x.sync"} {
			var list []listedTask
			if mustJSON(t, b.ok("task", "list", "--kind", kind, "--json"), &list); len(list) != 1 || list[0].ID != row.ID {
				t.Errorf("by %s: %+v", kind, list)
			}
		}
	})
}

// TestWhatHasEndedHasNothingLeft: neither time that it will take nor a cancel that is to come.
func TestWhatHasEndedHasNothingLeft(t *testing.T) {
	t.Parallel()
	b := sqliteBed(t)
	row := b.task("a.a", "x", nowRunning)
	b.report(row, 100)
	b.do(func(tx *db.Tx) error {
		return tx.Exec("UPDATE core_progress_reports SET suffix = '10/s, about 2 min left'").Error
	})
	left := "about 2 min left"
	for _, command := range [][]string{{"list"}, {"show", row.ID}, {"show", row.ID, "--json"}} {
		if got := b.ok(append([]string{"task"}, command...)...); !strings.Contains(got, left) {
			t.Errorf("%s: %s", command, got)
		}
	}
	b.do(func(tx *db.Tx) error {
		return tx.Exec("UPDATE core_tasks SET state = 'canceling', cancel_by = ? WHERE id = ?", model.Now(), row.ID).Error
	})
	if got := b.ok("task", "show", row.ID); !strings.Contains(got, "is forced at  20") {
		t.Errorf("%s", got)
	}
	b.end(row, task.Completed, nil)
	b.do(func(tx *db.Tx) error {
		return tx.Exec("UPDATE core_progress_reports SET state = 'canceled'").Error
	})
	for _, command := range [][]string{{"list"}, {"show", row.ID}, {"show", row.ID, "--json"}, {"wait", row.ID}} {
		if got := b.ok(append([]string{"task"}, command...)...); strings.Contains(got, "left") || strings.Contains(got, "forced") || !strings.Contains(got, "10/s") {
			t.Errorf("%s: %s", command, got)
		}
	}
	if got := b.ok("task", "why", row.ID); !strings.HasPrefix(got, row.ID+" has completed.\n") {
		t.Errorf("%s", got)
	}
}

func TestOnlyNearMissesAreSuggested(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for typed, hint := range map[string]string{"bogus": "see packhouse task --help", "lst": "did you mean list?", "cancle": "did you mean cancel?", "wiat": "did you mean wait?",
		"sh": "did you mean show?", "WHYY": "did you mean why?", "dog": "see packhouse task --help", "": "see packhouse task --help"} {
		if got := b.run("task", typed); got.code != exitMisused || !strings.Contains(got.stderr, hint) || strings.Contains(got.stderr, " or ") {
			t.Errorf("%q: %+v", typed, got)
		}
	}
}
