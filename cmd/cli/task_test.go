package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

// taskBed runs commands over a database into which a test writes tasks.
type taskBed struct {
	*bed
	db *db.DB
}

// onBoth runs a test on SQLite, and on PostgreSQL with a Redis that does not answer.
func onBoth(t *testing.T, test func(t *testing.T, b *taskBed)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		test(t, openTaskBed(t, b, "sqlite://"+filepath.Join(b.data, "packhouse.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := testkit.Postgres(t)
		test(t, openTaskBed(t, newBed(t, "PACKHOUSE_DATABASE__URL="+url, "PACKHOUSE_REDIS_URL=redis://127.0.0.1:1"), url))
	})
}

func openTaskBed(t *testing.T, b *bed, url string) *taskBed {
	t.Helper()
	b.ok("migrate")
	d, err := db.Open(t.Context(), db.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return &taskBed{b, d}
}

func (b *taskBed) do(work func(tx *db.Tx) error) {
	b.t.Helper()
	if err := b.db.InTx(b.t.Context(), work); err != nil {
		b.t.Fatal(err)
	}
}

// task writes a waiting task that wants a resource for itself; change may make it another.
func (b *taskBed) task(kind, resource string, change func(*task.Row)) *task.Row {
	b.t.Helper()
	now, locks := model.Now(), task.Exclusive(resource)
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "pulp_x.app.tasks." + kind, State: task.Waiting, Args: []byte("sealed"), Weight: 4,
		ReservedResources: locks.Record(), PulpCreated: now, PulpLastUpdated: now}
	if change != nil {
		change(row)
	}
	b.do(func(tx *db.Tx) error {
		if err := tx.Create(row).Error; err != nil || row.Final() {
			return err
		}
		return tx.Create(&task.Lock{Resource: resource, TaskSeq: row.Seq, Exclusive: true, Held: row.UnblockedAt != nil}).Error
	})
	return row
}

func nowRunning(r *task.Row) {
	now, turn, worker := model.Now(), int64(4), "w1"
	r.State, r.Worker, r.UnblockedAt, r.SentAt, r.StartedAt, r.Turn = task.Running, &worker, &now, &now, &now, &turn
}

func (b *taskBed) state(row *task.Row) task.State {
	b.t.Helper()
	return b.read(row).State
}

func (b *taskBed) read(row *task.Row) *task.Row {
	b.t.Helper()
	var now task.Row
	if err := b.db.Read(b.t.Context()).Where("id = ?", row.ID).Take(&now).Error; err != nil {
		b.t.Fatal(err)
	}
	return &now
}

// end writes the end of a task.
func (b *taskBed) end(row *task.Row, state task.State, fault model.JSON) {
	b.t.Helper()
	b.do(func(tx *db.Tx) error {
		return tx.Exec("UPDATE core_tasks SET state = ?, finished_at = ?, error = ? WHERE id = ?", state, model.Now(), fault, row.ID).Error
	})
}

func (b *taskBed) report(row *task.Row, done int64) {
	b.t.Helper()
	began, now, total := model.Now().Add(-10*time.Second), model.Now(), int64(200)
	b.do(func(tx *db.Tx) error {
		return tx.Create(&task.ProgressReport{TaskID: row.ID, Message: "Files", Code: "files", State: task.Running, Total: &total, Done: done, BeganAt: &began, ChangedAt: &now}).Error
	})
}

func TestTasksAreListedAndShown(t *testing.T) {
	onBoth(t, func(t *testing.T, b *taskBed) {
		failed := b.task("sync.sync", "r", func(r *task.Row) {
			nowRunning(r)
			r.State, r.FinishedAt, r.Error = task.Failed, r.StartedAt, task.Failure{Description: "no connection\x1b[2J"}.JSON()
		})
		running := b.task("sync.sync", "r", nowRunning)
		b.report(running, 100)
		child := b.task("publish.publish", "p", func(r *task.Row) { r.ParentTaskID = &running.ID })
		b.do(func(tx *db.Tx) error {
			return tx.Create(&task.CreatedResource{TaskID: running.ID, Model: "core.repositoryversion", ObjectID: "7", Path: "repositories/x/versions/1/"}).Error
		})
		table := b.ok("task", "list")
		if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[1], child.ID+"  pulp_x.publish.publish  waiting") || !strings.Contains(lines[2], "Files: 100 of 200") {
			t.Errorf("the table is\n%s", table)
		}
		var list []listedTask
		mustJSON(t, b.ok("task", "list", "--state", "failed", "--state", "running", "--kind", "sync", "--limit", "1", "--json"), &list)
		if len(list) != 1 || list[0].ID != running.ID || *list[0].Worker != "w1" {
			t.Errorf("%+v", list)
		}
		mustJSON(t, b.ok("task", "list", "--kind", "s_nc", "--json"), &list)
		if len(list) != 0 {
			t.Errorf("an underscore stands for any letter: %+v", list)
		}
		shown := b.ok("task", "show", running.ID)
		for _, want := range []string{"Files: 100 of 200 (running, until about 20", "prn:core.repositoryversion:7  repositories/x/versions/1/", child.ID + "  pulp_x.publish.publish  waiting", "worker", "w1", "default"} {
			if !strings.Contains(shown, want) {
				t.Errorf("%q is not in\n%s", want, shown)
			}
		}
		var one shownTask
		mustJSON(t, b.ok("task", "show", running.ID, "--json"), &one)
		if one.Progress[0].Rate == nil || *one.Progress[0].Rate < 9 || one.Progress[0].EstimatedEnd == nil || one.Domain != "default" || len(one.Reserved) != 1 || string(one.Error) != "null" {
			t.Errorf("%+v", one)
		}
		if shown = b.ok("task", "show", failed.ID); !strings.Contains(shown, "no connection") || strings.Contains(shown, "\x1b") {
			t.Errorf("%q", shown)
		}
	})
}

func TestWaysToNameATask(t *testing.T) {
	onBoth(t, func(t *testing.T, b *taskBed) {
		at := func(id string) *task.Row { return b.task("a.a", id, func(r *task.Row) { r.ID = id }) }
		one, _ := at("019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e"), at("019aa5e2-7c7d-7a41-8d0e-3f1a6b0c2d4e")
		for _, name := range []string{one.ID, strings.ToUpper(one.ID), "019aa5e2-7c7c", "019aa5e27c7c7", "prn:core.task:" + one.ID, "/pulp/api/v3/tasks/" + one.ID + "/", "https://x.example/pulp/team/api/v3/tasks/" + one.ID} {
			var shown shownTask
			if mustJSON(t, b.ok("task", "show", name, "--json"), &shown); shown.ID != one.ID {
				t.Errorf("%s is %s", name, shown.ID)
			}
		}
		b.fails(exitFailed, []string{"several", one.ID}, "task", "show", "019aa5e2")
		b.fails(exitFailed, []string{"there is no task", "task list"}, "task", "show", "119aa5e2")
		for _, name := range []string{"x", "prn:core.user:1", "/pulp/api/v3/users/1/", "prn:", one.ID + "0", ""} {
			if got := b.run("task", "show", name); got.code == 0 || !strings.HasPrefix(got.stderr, "packhouse: ") {
				t.Errorf("%q gives %+v", name, got)
			}
		}
		b.fails(exitMisused, []string{"--state", "waiting"}, "task", "list", "--state", "asleep")
		b.fails(exitMisused, []string{"--limit"}, "task", "list", "--limit", "0")
		b.fails(exitMisused, []string{"--group"}, "task", "cancel")
		b.fails(exitMisused, []string{"--level"}, "task", "logs", one.ID, "--level", "loud")
	})
}

func TestWhyOnTheCommandLine(t *testing.T) {
	onBoth(t, func(t *testing.T, b *taskBed) {
		b.environ = append(b.environ, "PACKHOUSE_TASK_LIMITS__PER_USER=2")
		holder := b.task("sync.sync", "repo", nowRunning)
		waits := b.task("sync.sync", "repo", nil)
		got := strings.Join(strings.Fields(b.ok("task", "why", waits.ID)), " ")
		for _, want := range []string{waits.ID + " is waiting.", "repo (wanted exclusive): held by the task " + holder.ID, "start a worker"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in %s", want, got)
			}
		}
		now := model.Now()
		capped := b.task("sync.sync", "other", func(r *task.Row) { r.UnblockedAt = &now })
		b.do(func(tx *db.Tx) error {
			return tx.Create(&task.Cap{Cap: "user:1", TaskSeq: capped.Seq, Stage: task.Parked}).Error
		})
		var e task.Explanation
		mustJSON(t, b.ok("task", "why", capped.ID, "--json"), &e)
		if e.Standing != task.Capped || len(e.Caps) != 1 || e.Caps[0].Limit != 2 {
			t.Errorf("%+v", e)
		}
	})
}

func TestTasksAreCanceled(t *testing.T) {
	onBoth(t, func(t *testing.T, b *taskBed) {
		running := b.task("sync.sync", "r", nowRunning)
		first, second := b.task("a.a", "x", nil), b.task("a.a", "x", nil)
		b.ok("task", "cancel", first.ID)
		if now := b.read(second); b.state(first) != task.Canceled || now.Turn == nil {
			t.Errorf("the first is %s, the next in line %+v", b.state(first), now)
		}
		b.fails(exitFailed, []string{"has ended already", "canceled"}, "task", "cancel", first.ID)
		if got := b.run("task", "cancel", running.ID, second.ID); got.code != 0 || !strings.Contains(got.stderr, "asked to stop") || b.state(second) != task.Canceled {
			t.Errorf("%+v", got)
		}
		if now := b.read(running); now.State != task.Canceling || now.CancelBy == nil {
			t.Errorf("%+v", now)
		}
		group := &task.GroupRow{Base: model.NewBase(ident.DefaultDomain)}
		b.do(func(tx *db.Tx) error { return tx.Create(group).Error })
		of := func(r *task.Row) { r.TaskGroupID = &group.ID }
		one, two := b.task("a.a", "g", of), b.task("a.a", "g", of)
		b.ok("task", "cancel", "--group", "prn:core.taskgroup:"+group.ID)
		if b.state(one) != task.Canceled || b.state(two) != task.Canceled {
			t.Errorf("in the group they are %s and %s", b.state(one), b.state(two))
		}
		for _, row := range []*task.Row{first, one} {
			if log := b.ok("task", "logs", row.ID); !strings.HasSuffix(log, "The cancel was requested by "+osUser()+" on the command line.\n") {
				t.Errorf("the log says %s", log)
			}
		}
		b.fails(exitFailed, []string{"no task group"}, "task", "cancel", "--group", ident.New())
		var objects []string
		for line := range strings.Lines(b.ok("audit", "export")) {
			var e audit.Entry
			mustJSON(t, line, &e)
			if e.Action == "task_cancel" && e.Reason == "" {
				objects = append(objects, e.Object)
			}
		}
		want := []string{"prn:core.task:" + first.ID, "prn:core.task:" + running.ID, "prn:core.task:" + second.ID, "prn:core.taskgroup:" + group.ID}
		if strings.Join(objects, " ") != strings.Join(want, " ") {
			t.Errorf("recorded are %q", objects)
		}
	})
}

// during runs a command until its output holds a text, then calls then with a function that interrupts it, and gives its
// outcome.
func (b *taskBed) during(until string, terminal bool, then func(interrupt func()), args ...string) outcome {
	b.t.Helper()
	ctx, interrupt := context.WithCancel(b.t.Context())
	defer interrupt()
	stdout, done := newWaiter(until), make(chan int, 1)
	var stderr bytes.Buffer
	p := b.process(stdout, &stderr, args...)
	p.Terminal = terminal
	go func() { done <- p.Run(ctx) }()
	stdout.wait(b.t)
	then(interrupt)
	code := <-done
	return outcome{code, stdout.wait(b.t), withoutLog(stderr.String())}
}

func TestWaitForTasks(t *testing.T) {
	onBoth(t, func(t *testing.T, b *taskBed) {
		good, bad := b.task("a.a", "x", nowRunning), b.task("a.a", "y", nowRunning)
		b.report(good, 100)
		got := b.during(good.ID+" running Files: 100 of 200", false, func(func()) { b.end(good, task.Completed, nil) }, "task", "wait", good.ID)
		if got.code != 0 || !strings.HasSuffix(got.stdout, good.ID+" completed Files: 100 of 200\n") || strings.Contains(got.stdout, "\x1b") {
			t.Errorf("%+v", got)
		}
		got = b.during("running", true, func(func()) { b.end(bad, task.Failed, task.Reason{Reason: "out of luck"}.JSON()) }, "task", "wait", good.ID, bad.ID)
		if got.code != exitFailed || !strings.Contains(got.stderr, bad.ID+" has failed: out of luck") || strings.Contains(got.stderr, good.ID) || !strings.Contains(got.stdout, "\x1b[2A") {
			t.Errorf("%+v", got)
		}
		open := b.task("a.a", "z", nowRunning)
		b.report(open, 100)
		got = b.during("[██████████░░░░░░░░░░]", true, func(interrupt func()) { interrupt() }, "task", "wait", open.ID)
		if got.code != exitFailed || !strings.Contains(got.stderr, "the task goes on") || b.state(open) != task.Running {
			t.Errorf("%+v", got)
		}
	})
}

func TestLogsOfATask(t *testing.T) {
	onBoth(t, func(t *testing.T, b *taskBed) {
		row := b.task("a.a", "x", nowRunning)
		say := func(level, message string) {
			b.do(func(tx *db.Tx) error {
				return task.SaveLog(tx, []task.LogLine{{TaskID: row.ID, At: model.Now(), Level: level, Message: message}})
			})
		}
		say("INFO", "hello")
		say("WARN", "beware")
		if got := b.ok("task", "logs", row.ID, "--level", "warn"); strings.Contains(got, "hello") || !strings.Contains(got, " WARN  beware\n") {
			t.Errorf("%q", got)
		}
		got := b.during("beware", false, func(func()) {
			say("INFO", "good bye")
			b.end(row, task.Completed, nil)
		}, "task", "logs", row.ID, "--follow")
		if got.code != 0 || strings.Count(got.stdout, "\n") != 3 || !strings.HasSuffix(got.stdout, "good bye\n") {
			t.Errorf("%+v", got)
		}
		open := b.task("a.a", "y", nowRunning)
		row = open
		say("INFO", "still here")
		got = b.during("still here", false, func(interrupt func()) { interrupt() }, "task", "logs", open.ID, "--follow")
		if got.code != exitFailed || !strings.Contains(got.stderr, "the task goes on") {
			t.Errorf("%+v", got)
		}
	})
}

// TestTaskCommandsBesideAServer: on the SQLite file that packhouse serve has in use.
func TestTaskCommandsBesideAServer(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.serveOnce(false, func(string, string) {
		d, err := db.Open(t.Context(), db.Options{URL: "sqlite://" + filepath.Join(b.data, "packhouse.db")})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		tb := &taskBed{b, d}
		row := tb.task("unknown.kind", "x", nil)
		if got := b.ok("task", "list"); !strings.Contains(got, row.ID) {
			t.Errorf("the table is %s", got)
		}
		b.ok("task", "why", row.ID)
		b.ok("task", "cancel", row.ID)
		b.fails(exitFailed, []string{row.ID + " was canceled"}, "task", "wait", row.ID)
	})
}
