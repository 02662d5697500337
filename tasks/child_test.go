package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// twin is a Runner whose child is another machine, in the same process. Real processes are run by cmd/packhouse.
type twin struct {
	t      *testing.T
	child  *Tasks
	memory int64
}

// Run does what a child does, and leaves something in the working directory, as one that was killed.
func (w *twin) Run(ctx context.Context, row *task.Row, memory int64, folder string) (json.RawMessage, error) {
	if memory != w.memory {
		w.t.Errorf("the child may use %d bytes", memory)
	}
	result, err := w.child.RunAsChild(ctx, row.ID, *row.Worker, folder)
	must(w.t, os.MkdirAll(filepath.Join(folder, row.ID, "left"), 0o700))
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(result)
	must(w.t, err)
	return text, nil
}

func (b *bed) isolated(t *testing.T) *Tasks {
	t.Helper()
	handlers := []task.Handler{b.handler().With(task.InChild(77))}
	w := &twin{t: t, memory: 77, child: b.machine(func(o *Options) { o.RedisURL = ""; o.Handlers = handlers })}
	return b.worker(func(o *Options) { o.Child, o.Handlers = w, handlers })
}

func TestWorkInAChildIsLikeWorkInTheWorker(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		b.set("parent", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			dir, err := run.Dir()
			if err != nil {
				return nil, err
			}
			p, err := run.Progress(ctx, "code", "message", nil, "")
			if err != nil {
				return nil, err
			}
			p.Finish(3)
			var other *task.Row
			err = run.InTx(ctx, func(tx *db.Tx) error {
				var err error
				other, err = run.Dispatch(ctx, tx, jobArgs{Secret: "of the other"}, task.Immediate())
				return errors.Join(err, run.Created(tx, "test.thing", "1", "things/1/"))
			})
			if err != nil {
				return nil, err
			}
			return map[string]string{"dir": dir, "other": other.ID, "state": string(other.State)}, nil
		})
		b.set("fail", func(context.Context, *task.Run, jobArgs) (any, error) { return nil, errs.New(errs.Invalid, "mend it") })
		b.set("panic", func(context.Context, *task.Run, jobArgs) (any, error) { panic("oh") })
		m := b.isolated(t)

		row := wait(t, m, dispatch(t, m, jobArgs{Work: "parent"}).ID, task.Completed)
		var told map[string]string
		must(t, json.Unmarshal(row.Result, &told))
		if told["state"] != string(task.Waiting) { // a child runs nothing by itself
			t.Errorf("what it dispatches is %s", told["state"])
		}
		if dir := filepath.Join(m.folderOf(*row.Worker), row.ID); told["dir"] != dir {
			t.Errorf("it works in %s, not in %s", told["dir"], dir)
		}
		if _, err := os.Stat(told["dir"]); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("of the working directory is left: %v", err)
		}
		if other := wait(t, m, told["other"], task.Completed); other.ParentTaskID == nil || *other.ParentTaskID != row.ID {
			t.Errorf("the parent of what it dispatched is %v", other.ParentTaskID)
		}
		var report task.ProgressReport
		must(t, b.db.Read(t.Context()).Where("task_id = ?", row.ID).Take(&report).Error)
		if report.Done != 3 || report.State != task.Completed {
			t.Errorf("the progress is %+v", report)
		}
		if row := wait(t, m, dispatch(t, m, jobArgs{Work: "fail"}).ID, task.Failed); !strings.Contains(string(row.Error), "mend it") {
			t.Errorf("the error is %s", row.Error)
		}
		if row := wait(t, m, dispatch(t, m, jobArgs{Work: "panic"}).ID, task.Failed); !strings.Contains(string(row.Error), "PLP0000") {
			t.Errorf("the error is %s", row.Error)
		}
		k := b.blocker("block")
		blocked := dispatch(t, m, jobArgs{Work: "block"})
		receive(t, k.begun)
		_, err := m.Cancel(task.WithOrigin(t.Context(), task.Origin{Asker: "ann"}), blocked.ID)
		must(t, err)
		wait(t, m, blocked.ID, task.Canceled)
		if lines := said(t, b, blocked.ID); !slices.Contains(lines, "The cancel was requested by ann.") {
			t.Errorf("the log says %q", lines)
		}
	})
}

func TestAChildRunsNothingButWhatItsParentRuns(t *testing.T) {
	t.Parallel()
	b := newBed(t, sqliteURL(t), "").migrate()
	k := b.blocker("block")
	m := b.worker()
	child := b.machine()
	running, ended := dispatch(t, m, jobArgs{Work: "block"}), dispatch(t, m, jobArgs{})
	receive(t, k.begun)
	wait(t, m, ended.ID, task.Completed)
	name := *load(t, m, ended.ID).Worker
	for id, worker := range map[string]string{running.ID: "1@somebody-else", ended.ID: name} {
		if _, err := child.RunAsChild(t.Context(), id, worker, t.TempDir()); !errs.Is(err, errs.Canceled) {
			t.Errorf("gives %v", err)
		}
	}
	if _, err := child.RunAsChild(t.Context(), "00000000-0000-4000-8000-000000000000", name, t.TempDir()); !errs.Is(err, errs.NotFound) {
		t.Errorf("no task gives %v", err)
	}
	stranger := b.machine(func(o *Options) { o.Handlers = nil })
	if _, err := stranger.RunAsChild(t.Context(), running.ID, *load(t, m, running.ID).Worker, t.TempDir()); !errs.Is(err, errs.Internal) {
		t.Errorf("a kind that it does not know gives %v", err)
	}
	close(k.end)
	wait(t, m, running.ID, task.Completed)
}

func TestAKindThatGetsNoProcessIsTold(t *testing.T) {
	t.Parallel()
	b := newBed(t, sqliteURL(t), "").migrate()
	m := b.worker(func(o *Options) { o.Handlers = []task.Handler{b.handler().With(task.InChild(1))} })
	wait(t, m, dispatch(t, m, jobArgs{}).ID, task.Completed)
	if text := b.log.String(); !strings.Contains(text, "run inside this one") || !strings.Contains(text, "kind=test.job") {
		t.Errorf("the log says %s", text)
	}
}

var _ Runner = (*twin)(nil)
