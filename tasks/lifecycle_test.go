package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hibiken/asynq"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

func TestATaskRunsFromDispatchToResult(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		var seen task.Origin
		b.set("work", func(ctx context.Context, run *task.Run, a jobArgs) (any, error) {
			seen = task.OriginFrom(ctx)
			return map[string]string{"secret is": a.Secret}, nil
		})
		m := b.worker()
		ctx := task.WithOrigin(t.Context(), task.Origin{CID: "cid-1"})
		row := dispatchFrom(t, ctx, m, jobArgs{Work: "work", Secret: "hush-hush"})
		end := wait(t, m, row.ID, task.Completed)
		if string(end.Error) != "" || !strings.Contains(string(end.Result), "hush-hush") {
			t.Errorf("error %s, result %s", end.Error, end.Result)
		}
		if end.StartedAt == nil || end.FinishedAt == nil || end.UnblockedAt == nil || end.Worker == nil || end.LoggingCID != "cid-1" {
			t.Errorf("row is %+v", end)
		}
		if seen.CID != "cid-1" || seen.ParentID != row.ID || seen.DomainID != ident.DefaultDomain {
			t.Errorf("the work has the origin %+v", seen)
		}
	})
}

func TestArgumentsAreSealedAtRest(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		row := dispatch(t, b.process(), jobArgs{Secret: "hush-hush"})
		if args := load(t, b.machine(), row.ID).Args; len(args) == 0 || bytes.Contains(args, []byte("hush")) {
			t.Errorf("the row has %q", args)
		}
	})
}

func TestARolledBackDispatchLeavesNothing(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.worker()
		unwanted := errors.New("unwanted")
		err := b.db.InTx(t.Context(), func(tx *db.Tx) error {
			if _, err := m.Dispatch(t.Context(), tx, jobArgs{Ex: []string{"r"}}); err != nil {
				return err
			}
			return unwanted
		})
		if !errors.Is(err, unwanted) {
			t.Fatal(err)
		}
		wait(t, m, dispatch(t, m, jobArgs{Ex: []string{"r"}}).ID, task.Completed)
		var rows int64
		must(t, b.db.Read(t.Context()).Model(&task.Row{}).Count(&rows).Error)
		if rows != 1 {
			t.Errorf("there are %d tasks", rows)
		}
	})
}

func TestACallerWhoLeavesDoesNotKeepTheTaskFromStarting(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		// Without a sweeper, so that only the dispatch itself can have sent the task.
		m := b.worker(func(o *Options) { o.SweepEvery = 1 << 40 })
		ctx, leave := context.WithCancel(t.Context())
		var row *task.Row
		must(t, b.db.InTx(ctx, func(tx *db.Tx) (err error) {
			tx.AfterCommit(func(context.Context) { leave() })
			row, err = m.Dispatch(ctx, tx, jobArgs{})
			return err
		}))
		wait(t, m, row.ID, task.Completed)
	})
}

func TestUnknownKindsAreRefusedAtDispatchAndLeftWaitingByWorkers(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		m := b.worker()
		err := b.db.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := m.Dispatch(t.Context(), tx, strangeArgs{})
			return err
		})
		if !errs.Is(err, errs.Internal) {
			t.Errorf("dispatch says %v", err)
		}
		strange := b.process(func(o *Options) {
			o.PreferDefer = true
			o.Handlers = append(o.Handlers, task.Handle(func(context.Context, *task.Run, strangeArgs) (any, error) { return nil, nil }))
		})
		row := dispatch(t, strange, strangeArgs{})
		wait(t, m, dispatch(t, strange, jobArgs{}).ID, task.Completed) // came later, and is not behind it
		if s := load(t, m, row.ID); !s.Ready() {
			t.Errorf("a task of an unknown kind is %s", s.State)
		}
		must(t, strange.StartWorker(t.Context()))
		wait(t, m, row.ID, task.Completed)
	})
}

type strangeArgs struct{}

func (strangeArgs) Kind() string      { return "test.strange" }
func (strangeArgs) Locks() task.Locks { return task.Locks{} }

func TestASecondDeliveryIsHarmless(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		var runs atomic.Int64
		b.set("count", func(context.Context, *task.Run, jobArgs) (any, error) { runs.Add(1); return nil, nil })
		m := b.worker()
		row := dispatch(t, m, jobArgs{Work: "count"})
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() { _ = m.workers[0].deliver(context.Background(), asynq.NewTask(wakeUp, nil)) })
		}
		group.Wait()
		wait(t, m, row.ID, task.Completed)
		if n := runs.Load(); n != 1 {
			t.Errorf("the work was done %d times", n)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		k := b.blocker("block")
		m, other := b.worker(), b.process()
		first := dispatch(t, m, jobArgs{Work: "block", Ex: []string{"r"}})
		waiting := dispatch(t, m, jobArgs{Ex: []string{"r"}})
		behind := dispatch(t, m, jobArgs{Sh: []string{"r"}})
		receive(t, k.begun)

		row, err := other.Cancel(t.Context(), waiting.ID)
		if err != nil || row.State != task.Canceled || row.FinishedAt == nil {
			t.Fatalf("cancel of a waiting task gives %+v, %v", row, err)
		}
		row, err = other.Cancel(t.Context(), waiting.ID)
		if !errs.Is(err, errs.Conflict) || row == nil || row.State != task.Canceled {
			t.Errorf("cancel of a final task gives %+v, %v", row, err)
		}
		draft(t, b, first.ID)
		row, err = other.Cancel(t.Context(), first.ID)
		if err != nil || row.State != task.Canceling {
			t.Errorf("cancel of a running task gives %+v, %v", row, err)
		}
		if end := wait(t, m, first.ID, task.Canceled); len(end.Error) != 0 {
			t.Errorf("a canceled task has the error %s", end.Error)
		}
		if n := drafts(t, b); n != 0 {
			t.Errorf("%d incomplete publications are left", n)
		}
		wait(t, m, behind.ID, task.Completed)
		if _, err := m.Cancel(t.Context(), ident.New()); !errs.Is(err, errs.NotFound) {
			t.Errorf("cancel of nothing gives %v", err)
		}
	})
}

func TestCancelReachesTheWorkerWithoutRedis(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		k := b.blocker("block")
		m := b.worker()
		row := dispatch(t, m, jobArgs{Work: "block"})
		receive(t, k.begun)
		// As another process would write it whose message got lost.
		must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_tasks SET state = 'canceling' WHERE id = ?", row.ID).Error
		}))
		wait(t, m, row.ID, task.Canceled)
	})
}

func TestWorkThatEndsWellWhileItIsCanceledIsCanceled(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		begun := make(chan struct{})
		b.set("deaf", func(ctx context.Context, _ *task.Run, _ jobArgs) (any, error) {
			close(begun)
			<-ctx.Done()
			return "a result", nil
		})
		m := b.worker()
		row := dispatch(t, m, jobArgs{Work: "deaf"})
		receive(t, begun)
		_, err := m.Cancel(t.Context(), row.ID)
		must(t, err)
		if end := wait(t, m, row.ID, task.Canceled); len(end.Result) != 0 {
			t.Errorf("it has the result %s", end.Result)
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		b.set("panic", func(context.Context, *task.Run, jobArgs) (any, error) { panic("boom secret") })
		b.set("internal", func(context.Context, *task.Run, jobArgs) (any, error) { return nil, errors.New("inner secret") })
		b.set("coded", func(context.Context, *task.Run, jobArgs) (any, error) {
			return nil, errs.Coded(errs.Invalid, "PLP0003", "A digest differs\x00.")
		})
		b.set("result", func(context.Context, *task.Run, jobArgs) (any, error) { return make(chan int), nil })
		m := b.worker()
		const redacted = "[PLP0000] An internal error occurred."
		for work, want := range map[string]string{"panic": redacted, "internal": redacted, "result": redacted, "coded": "[PLP0003] A digest differs."} {
			row := wait(t, m, dispatch(t, m, jobArgs{Work: work}).ID, task.Failed)
			var f task.Failure
			must(t, json.Unmarshal(row.Error, &f))
			if !strings.HasPrefix(f.Description, want) || f.Code != want[1:8] || strings.Contains(string(row.Error), "secret") {
				t.Errorf("%s: error is %s", work, row.Error)
			}
			if !strings.Contains(b.log.String(), row.ID) {
				t.Errorf("%s: the log does not have the task", work)
			}
		}
		for _, text := range []string{"boom secret", "inner secret", "lifecycle_test.go"} {
			if !strings.Contains(b.log.String(), text) {
				t.Errorf("the log does not have %q", text)
			}
		}
	})
}

func TestAResultThatTheDatabaseRefusesFailsTheTask(t *testing.T) {
	t.Parallel()
	b := newBed(t, testkit.Postgres(t), "").migrate()
	b.set("nul", func(context.Context, *task.Run, jobArgs) (any, error) { return "a\x00b", nil })
	m := b.worker()
	wait(t, m, dispatch(t, m, jobArgs{Work: "nul"}).ID, task.Failed)
}

func TestWorkingDirectoriesAreRemoved(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		dirs := make(chan string, 2)
		b.set("dir", func(_ context.Context, run *task.Run, _ jobArgs) (any, error) {
			dir, err := run.Dir()
			if err != nil {
				return nil, err
			}
			dirs <- dir
			again, err := run.Dir()
			if again != dir {
				return nil, errors.New("it has two directories")
			}
			return nil, errors.Join(err, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
		})
		m := b.worker()
		wait(t, m, dispatch(t, m, jobArgs{Work: "dir"}).ID, task.Completed)
		if _, err := os.Stat(receive(t, dirs)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the directory is still there: %v", err)
		}
		left := filepath.Join(m.folderOf("1@dead-host-xyz"), ident.New())
		must(t, os.MkdirAll(left, 0o700))
		eventually(t, "removal of a dead process's directories", func() bool {
			_, err := os.Stat(filepath.Dir(left))
			return errors.Is(err, os.ErrNotExist)
		})
	})
}

func TestChildrenHaveTheirParent(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		var child *task.Row
		b.set("parent", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			return nil, run.InTx(ctx, func(tx *db.Tx) (err error) {
				child, err = run.Dispatch(ctx, tx, jobArgs{Ex: []string{"child"}})
				return err
			})
		})
		m := b.worker()
		row := dispatchFrom(t, task.WithOrigin(t.Context(), task.Origin{CID: "cid-2"}), m, jobArgs{Work: "parent"})
		wait(t, m, row.ID, task.Completed)
		end := wait(t, m, child.ID, task.Completed)
		if end.ParentTaskID == nil || *end.ParentTaskID != row.ID || end.LoggingCID != "cid-2" {
			t.Errorf("the child is %+v", end)
		}
	})
}

// draft makes an incomplete publication of a task, with what it hangs on.
func draft(t testing.TB, b *bed, id string) {
	t.Helper()
	now, repo, version := model.Now(), ident.New(), ident.New()
	must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error {
		return errors.Join(
			tx.Exec(`INSERT INTO core_repositories (id, domain_id, pulp_type, name, pulp_labels, pulp_created, pulp_last_updated)
				VALUES (?, ?, 'file.file', ?, '{}', ?, ?)`, repo, ident.DefaultDomain, repo, now, now).Error,
			tx.Exec(`INSERT INTO core_repository_versions (id, domain_id, repository_id, number, counts, set_hash, current_from, pulp_created, pulp_last_updated)
				VALUES (?, ?, ?, 1, '{}', '', ?, ?, ?)`, version, ident.DefaultDomain, repo, now, now, now).Error,
			tx.Exec(`INSERT INTO core_publications (id, domain_id, pulp_type, repository_id, repository_version_id, version_number, complete, pass_through, task_id, pulp_created, pulp_last_updated)
				VALUES (?, ?, 'file.file', ?, ?, 1, FALSE, FALSE, ?, ?, ?)`, ident.New(), ident.DefaultDomain, repo, version, id, now, now).Error,
		)
	}))
}

func drafts(t testing.TB, b *bed) (n int64) {
	t.Helper()
	must(t, b.db.Read(t.Context()).Table("core_publications").Count(&n).Error)
	return n
}
