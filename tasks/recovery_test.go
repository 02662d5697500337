package tasks

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

func TestAnEmptiedRedisLosesNothing(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		k := b.blocker("block")
		m := b.worker(func(o *Options) {
			o.Concurrency, o.SweepEvery, o.LookEvery = 1, 300*time.Millisecond, 300*time.Millisecond
		})
		rows := []*task.Row{dispatch(t, m, jobArgs{Work: "block"})}
		receive(t, k.begun)
		for range 50 {
			rows = append(rows, dispatch(t, m, jobArgs{}))
		}
		must(t, m.queue.redis.FlushDB(t.Context()).Err())
		close(k.end)
		for _, row := range rows {
			wait(t, m, row.ID, task.Completed)
		}
	})
}

func TestWithoutRedisTasksAreAcceptedAndRun(t *testing.T) {
	t.Parallel()
	b := newBed(t, sqliteURL(t), "redis://127.0.0.1:1/0").migrate() // nobody listens there
	m := b.worker()
	other := b.process(func(o *Options) { o.PreferDefer = true })
	wait(t, m, dispatch(t, other, jobArgs{Ex: []string{"r"}}).ID, task.Completed)
	if end := dispatch(t, m, jobArgs{}, task.Immediate()); end.State != task.Completed {
		t.Errorf("an immediate task is %s", end.State)
	}
	if err := m.Ping(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("ping says %v", err)
	}
}

func TestWhatFellBetweenCommitAndConsequencesIsFound(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.worker()
		row := dispatch(t, b.process(func(o *Options) { o.PreferDefer = true; o.RedisURL = "" }), jobArgs{Ex: []string{"r"}})
		must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
			if err := tx.Exec("UPDATE core_task_locks SET held = FALSE").Error; err != nil {
				return err
			}
			return tx.Exec("UPDATE core_tasks SET unblocked_at = NULL, turn = NULL WHERE id = ? AND state = 'waiting'", row.ID).Error
		}))
		wait(t, m, row.ID, task.Completed)
	})
}

// adopt claims a task under the name of a process that is as good as dead.
func adopt(t testing.TB, b *bed, id, name string, beat time.Time) *task.Row {
	t.Helper()
	m := b.machine()
	must(t, m.StartProcess(t.Context(), "worker"))
	row := grab(t, m, id)
	if row == nil {
		t.Fatal("nothing to claim")
	}
	p := m.processes[0]
	p.stop() // silent from now on
	<-p.done
	must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
		if err := tx.Exec("UPDATE core_app_statuses SET name = ?, last_heartbeat = ? WHERE name = ?", name, beat, p.name).Error; err != nil {
			return err
		}
		return tx.Exec("UPDATE core_tasks SET worker = ? WHERE id = ?", name, id).Error
	}))
	row.Worker = &name
	return row
}

func TestTheTasksOfAMissingWorkerAreSettled(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process(func(o *Options) { o.PreferDefer = true })
		lost := dispatch(t, m, jobArgs{Ex: []string{"r"}})
		canceled := dispatch(t, m, jobArgs{Ex: []string{"s"}})
		alive := dispatch(t, m, jobArgs{Ex: []string{"u"}})
		next := dispatch(t, m, jobArgs{Ex: []string{"r", "s"}})
		long := time.Now().UTC().Add(-time.Hour)
		row := adopt(t, b, lost.ID, "1@dead", long)
		adopt(t, b, canceled.ID, "2@dead", long)
		adopt(t, b, alive.ID, "3@alive", time.Now().UTC())
		draft(t, b, lost.ID)
		_, err := m.Cancel(t.Context(), canceled.ID)
		must(t, err)

		must(t, m.buryMissing(t.Context(), m.processes[0]))
		if load(t, m, lost.ID).State != task.Running || listed(t, b, "1@dead") != 1 {
			t.Error("a process is given up at first sight")
		}
		backdate(m.processes[0], 20*time.Second) // more than the half of 30
		must(t, m.buryMissing(t.Context(), m.processes[0]))
		must(t, m.settleOrphans(t.Context()))
		gone := load(t, m, lost.ID)
		var reason task.Reason
		must(t, json.Unmarshal(gone.Error, &reason))
		if gone.State != task.Failed || reason.Reason != "Worker has gone missing." {
			t.Errorf("the lost task is %s with %s", gone.State, gone.Error)
		}
		var told int64
		must(t, b.db.Read(t.Context()).Model(&task.LogLine{}).Where("task_id = ? AND level = 'WARN' AND message LIKE '%given up%'", lost.ID).Count(&told).Error)
		if told != 1 {
			t.Errorf("the log of the lost task tells %d times that it was given up", told)
		}
		if s := load(t, m, canceled.ID).State; s != task.Canceled {
			t.Errorf("the canceled task is %s", s)
		}
		if s := load(t, m, alive.ID).State; s != task.Running {
			t.Errorf("the task of a live worker is %s", s)
		}
		if !load(t, m, next.ID).Ready() || drafts(t, b) != 0 {
			t.Error("the next task is not ready, or an incomplete publication is left")
		}
		zombie(t, b, m, row)
	})
}

// zombie lets a worker that was given up come back: it must not change anything.
func zombie(t testing.TB, b *bed, m *Tasks, row *task.Row) {
	t.Helper()
	run := task.NewRun(task.Setup{DB: b.db, Row: row, Dispatcher: m})
	err := run.InTx(t.Context(), func(tx *db.Tx) error { return run.Created(tx, "test.thing", "1", "things/1/") })
	if !errs.Is(err, errs.Canceled) {
		t.Errorf("a change of a zombie says %v", err)
	}
	if _, err := run.Progress(t.Context(), "code", "message", nil, ""); !errs.Is(err, errs.Canceled) {
		t.Errorf("progress of a zombie says %v", err)
	}
	x := execution{t: m, row: row, name: *row.Worker, ctx: t.Context()}
	before := load(t, m, row.ID)
	x.finish(verdict{state: task.Completed})
	if after := load(t, m, row.ID); after.State != before.State || !after.FinishedAt.Equal(*before.FinishedAt) {
		t.Errorf("a zombie made its task %s", after.State)
	}
}

func TestAWorkerThatWasGivenUpComesBack(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		k := b.blocker("block")
		m := b.worker(func(o *Options) { o.WorkerTTL = time.Second })
		row := dispatch(t, m, jobArgs{Work: "block"})
		receive(t, k.begun)
		must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("DELETE FROM core_app_statuses").Error }))
		must(t, b.machine().settleOrphans(t.Context()))
		wait(t, m, row.ID, task.Failed)
		wait(t, m, dispatch(t, m, jobArgs{}).ID, task.Completed)
	})
}

func TestNobodyIsJudgedRightAfterAnOutage(t *testing.T) {
	t.Parallel()
	p := &process{ttl: time.Hour}
	p.note(true)
	if p.mayJudge() {
		t.Error("it judges at once")
	}
	p.steady = time.Now().Add(-time.Hour)
	if !p.mayJudge() {
		t.Error("it does not judge after a steady time")
	}
	p.note(true)
	if !p.mayJudge() {
		t.Error("one more beat makes it unsure")
	}
	p.note(false)
	p.note(true)
	if p.mayJudge() {
		t.Error("it judges right after an outage")
	}
	p.steady, p.last = time.Now().Add(-2*time.Hour), time.Now().Add(-2*time.Hour)
	p.note(true)
	if p.mayJudge() {
		t.Error("it judges right after a pause")
	}
}

func TestAClaimThatNobodyKnowsOfIsPutBack(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.worker(func(o *Options) { o.PreferDefer = true })
		other := b.process(func(o *Options) { o.RedisURL = ""; o.PreferDefer = true })
		rows := []*task.Row{dispatch(t, other, jobArgs{}), dispatch(t, other, jobArgs{})}
		name, old := m.workers[0].process.name, time.Now().UTC().Add(-2*time.Minute)
		must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
			for i, state := range []task.State{task.Running, task.Canceling} {
				err := tx.Exec("UPDATE core_tasks SET state = ?, worker = ?, started_at = ?, sent_at = ?, unblocked_at = ? WHERE id = ?",
					state, name, old, old, old, rows[i].ID).Error
				if err != nil {
					return err
				}
			}
			return nil
		}))
		wait(t, m, rows[0].ID, task.Completed)
		wait(t, m, rows[1].ID, task.Canceled)
	})
}

func TestRecoverSettlesAnEarlierLifeAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, sqliteURL(t), "").migrate()
	earlier := b.process(func(o *Options) { o.PreferDefer = true })
	running := dispatch(t, earlier, jobArgs{Ex: []string{"r"}})
	ready := dispatch(t, earlier, jobArgs{Ex: []string{"s"}})
	waiting := dispatch(t, earlier, jobArgs{Ex: []string{"r", "s"}})
	adopt(t, b, running.ID, "1@before", time.Now().UTC())
	m := b.machine(func(o *Options) { o.SweepEvery = time.Hour })
	must(t, m.StartProcess(t.Context(), "api"))
	must(t, m.Recover(t.Context()))
	must(t, m.StartWorker(t.Context()))
	wait(t, m, running.ID, task.Failed)
	wait(t, m, ready.ID, task.Completed)
	wait(t, m, waiting.ID, task.Completed)
}

func TestStopGivesGraceAndThenAborts(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		patient, listens, deaf := b.blocker("patient"), b.blocker("listens"), b.blocker("deaf")
		b.set("deaf", func(context.Context, *task.Run, jobArgs) (any, error) {
			deaf.begun <- ""
			<-deaf.end
			return "late", nil
		})
		t.Cleanup(func() { close(deaf.end) })
		observer := b.process(func(o *Options) { o.PreferDefer = true })

		m := b.worker()
		row := dispatch(t, m, jobArgs{Work: "patient"})
		receive(t, patient.begun)
		stopped := make(chan error, 1)
		go func() { stopped <- m.Stop(t.Context()) }()
		eventually(t, "the stop", func() bool { return m.self() == "" })
		close(patient.end)
		must(t, receive(t, stopped))
		wait(t, observer, row.ID, task.Completed)

		m = b.worker(func(o *Options) { o.Grace = time.Millisecond })
		row = dispatch(t, m, jobArgs{Work: "listens"})
		receive(t, listens.begun)
		must(t, m.Stop(t.Context()))
		if end := wait(t, observer, row.ID, task.Failed); !strings.Contains(string(end.Error), `"reason": "Aborted during worker shutdown."`) &&
			!strings.Contains(string(end.Error), `"reason":"Aborted during worker shutdown."`) {
			t.Errorf("an aborted task has the error %s", end.Error)
		}

		m = b.worker(func(o *Options) { o.Grace = time.Millisecond })
		row = dispatch(t, m, jobArgs{Work: "deaf"})
		receive(t, deaf.begun)
		hurried, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		must(t, m.Stop(hurried))
		wait(t, observer, row.ID, task.Failed)
		var left []string
		must(t, b.db.Read(t.Context()).Model(&task.AppStatus{}).Pluck("name", &left).Error)
		if len(left) != 1 || left[0] != observer.processes[0].name {
			t.Errorf("still on the list: %v", left)
		}
	})
}

func TestTheEndOfATaskOutlastsAnOutageOfTheDatabase(t *testing.T) {
	t.Parallel()
	url := testkit.Postgres(t)
	b := newBed(t, url, testkit.Redis(t)).migrate()
	k := b.blocker("block")
	m := b.worker()
	row := dispatch(t, m, jobArgs{Work: "block", Ex: []string{"r"}})
	receive(t, k.begun)
	closeDatabase(t, url, true)
	close(k.end)
	for !strings.Contains(receive(t, b.log.lines), "the end of a task could not be saved") {
	}
	closeDatabase(t, url, false)
	for {
		ended, err := m.Wait(t.Context(), row.ID)
		if errs.Is(err, errs.Unavailable) {
			continue // by a connection from before the outage, which the pool drops now
		}
		must(t, err)
		if ended.State != task.Completed {
			t.Errorf("the task ended %s", ended.State)
		}
		return
	}
}

// closeDatabase throws everybody out of a database and lets nobody in, or lets them in again.
func closeDatabase(t testing.TB, url string, closed bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), os.Getenv(testkit.PostgresVariable))
	must(t, err)
	defer conn.Close(t.Context())
	config, err := pgx.ParseConfig(url)
	must(t, err)
	allowed := map[bool]string{true: "false", false: "true"}[closed]
	_, err = conn.Exec(t.Context(), "ALTER DATABASE "+config.Database+" WITH ALLOW_CONNECTIONS "+allowed)
	must(t, err)
	if closed {
		_, err = conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", config.Database)
		must(t, err)
	}
}

// The variables that make the test binary a worker that is to be killed.
const (
	victimDatabase = "PACKHOUSE_TEST_VICTIM_DATABASE"
	victimRedis    = "PACKHOUSE_TEST_VICTIM_REDIS"
)

// TestVictim is no test by itself: it is the worker process of the next one.
func TestVictim(t *testing.T) {
	url := os.Getenv(victimDatabase)
	if url == "" {
		return
	}
	b := newBed(t, url, os.Getenv(victimRedis))
	b.set("die", func(context.Context, *task.Run, jobArgs) (any, error) { select {} })
	b.worker(func(o *Options) { o.WorkerTTL = time.Second })
	select {}
}

func TestAKilledWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	url, redis := testkit.Postgres(t), testkit.Redis(t)
	b := newBed(t, url, redis).migrate()
	m := b.process(func(o *Options) { o.PreferDefer = true })
	row := dispatch(t, m, jobArgs{Work: "die", Ex: []string{"r"}})
	next := dispatch(t, m, jobArgs{Ex: []string{"r"}})

	victim := exec.Command(os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), victimDatabase+"="+url, victimRedis+"="+redis)
	must(t, victim.Start())
	eventually(t, "the start of the task", func() bool { return load(t, m, row.ID).State == task.Running })
	must(t, victim.Process.Kill())
	_ = victim.Wait()

	w := b.worker(func(o *Options) { o.WorkerTTL = time.Second })
	wait(t, w, row.ID, task.Failed)
	wait(t, w, next.ID, task.Completed)
}

// backdate makes a process believe that it has seen all others as they are for some time.
func backdate(p *process, by time.Duration) {
	p.others.mu.Lock()
	defer p.others.mu.Unlock()
	for name, seen := range p.others.of {
		seen.since = seen.since.Add(-by)
		p.others.of[name] = seen
	}
}

// listed counts the entries of a process.
func listed(t testing.TB, b *bed, name string) (n int64) {
	t.Helper()
	must(t, b.db.Read(t.Context()).Table("core_app_statuses").Where("name = ?", name).Count(&n).Error)
	return n
}

// TestAClockThatJumpsBuriesNobodyAlive: neither one of the database that is put forward, by which all beats are old, nor one
// that is put back, by which those of the dead lie in the time to come.
func TestAClockThatJumpsBuriesNobodyAlive(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.process()
		witness := m.processes[0]
		beats := func(name string, at time.Time) { adopt(t, b, dispatch(t, m, jobArgs{}).ID, name, at) }
		moves := func(name string, at time.Time) {
			must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
				return tx.Exec("UPDATE core_app_statuses SET last_heartbeat = ? WHERE name = ?", at, name).Error
			}))
		}
		look := func() { must(t, m.buryMissing(t.Context(), witness)) }
		now := time.Now().UTC().Truncate(time.Microsecond)
		beats("1@before", now.Add(-time.Hour)) // the clock was put forward by an hour
		beats("2@after", now.Add(time.Hour))   // and by the same back
		for n := range 2 {
			look()
			backdate(witness, 20*time.Second) // more than the half of 30
			moves("1@before", now.Add(-time.Hour+time.Duration(n+1)*10*time.Second))
			look()
		}
		if listed(t, b, "1@before") != 1 || listed(t, b, "2@after") != 1 {
			t.Fatal("a process that beats, or that cannot be told to be dead yet, was given up")
		}
		backdate(witness, 61*time.Second)
		look()
		if listed(t, b, "1@before")+listed(t, b, "2@after") != 0 {
			t.Error("processes that are silent for twice their time are still listed")
		}
	})
}
