package tasks

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// Runner runs the work of claimed tasks in a process of its own; tasks/child has one.
type Runner interface {
	// Run gives the result, as JSON, or the error of the work. A process that uses more than memory, in bytes, is ended.
	// In folder the working directory of the task is made. The end of ctx cancels the work.
	Run(ctx context.Context, row *task.Row, memory int64, folder string) (json.RawMessage, error)
}

// inChild tells whether the work is done by a child process.
func (x *execution) inChild() bool {
	return x.t.o.Child != nil && x.t.kinds[x.row.Name].Traits().Memory > 0
}

// workInChild has the work done by a child process, which opens the arguments by itself.
func (x *execution) workInChild(run *task.Run) (any, error) {
	folder := x.t.folderOf(x.name)
	result, err := x.t.o.Child.Run(run.Context(x.ctx), x.row, x.t.kinds[x.row.Name].Traits().Memory, folder)
	x.t.ring() // for what the child has dispatched: it knows no Redis
	// A child that was ended has left its working directory.
	if left := os.RemoveAll(filepath.Join(folder, x.row.ID)); left != nil {
		run.Log().Warn("the working directory of a task could not be removed", "error", left)
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// RunAsChild is what a child process does: it runs the work of a task that its parent, the process called worker, has
// claimed. The end of the task is the parent's to write. A task that the parent does not run, or not any more, is
// errs.Canceled. The machine is not started for it.
func (t *Tasks) RunAsChild(ctx context.Context, id, worker, folder string) (result any, err error) {
	row, err := t.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if row.State != task.Running || row.Worker == nil || *row.Worker != worker {
		return nil, errs.New(errs.Canceled, "the task %s was canceled or given up before its work began", id)
	}
	if _, known := t.kinds[row.Name]; !known {
		return nil, errs.New(errs.Internal, "the process of a task does not know its kind, %s; it was started with other settings than its worker", row.Name)
	}
	x := execution{t: t, row: row, name: worker, ctx: ctx}
	run := task.NewRun(task.Setup{DB: t.db, Row: row, Dispatcher: t, Log: t.log, Folder: folder, ShowFaults: !t.o.Redact})
	recording := run.Record(ctx, t.o.Keep)
	result, err = x.work(run)
	// detached: what was counted is saved also after a cancel.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	recording.Finish(last)
	if closing := run.Close(last); closing != nil {
		run.Log().Warn("the end of a task was not tidy", "error", closing)
	}
	return result, err
}

// warnOfKindsWithoutChild tells that kinds that want a process of their own will not get one.
func (t *Tasks) warnOfKindsWithoutChild() {
	if t.o.Child != nil {
		return
	}
	for _, h := range t.o.Handlers {
		if h.Traits().Memory > 0 {
			t.log.Warn("tasks of a kind that wants a process of its own run inside this one, which was not told how to start any", "kind", h.Kind())
		}
	}
}
