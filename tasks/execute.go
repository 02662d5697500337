package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// execution is one claimed task being run.
type execution struct {
	t    *Tasks
	row  *task.Row
	name string
	// ctx is the work's; cancel ends it with a cause.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// wake says that the row may have changed; nil says nothing.
	wake <-chan struct{}
}

// verdict is how a task ends.
type verdict struct {
	state  task.State
	result model.JSON
	fault  model.JSON
}

// perform runs the work and says how it ended.
func (x *execution) perform() verdict {
	watched := x.watch()
	defer watched()
	run := task.NewRun(task.Setup{
		DB: x.t.db, Row: x.row, Dispatcher: x.t, Log: x.t.log, Folder: x.t.folderOf(x.name),
	})
	result, err := x.work(run)
	// detached: what was counted is saved also after a cancel.
	last, cancel := context.WithTimeout(context.WithoutCancel(x.ctx), patience)
	defer cancel()
	if closing := run.Close(last); closing != nil {
		run.Log().Warn("the end of a task was not tidy", "error", closing)
	}
	return x.judge(run, result, err)
}

// work opens the arguments and calls the handler; a panic becomes an error.
func (x *execution) work(run *task.Run) (result any, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			run.Log().Error("a task panicked", "panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
			err = errs.New(errs.Internal, "the task panicked: %v", panicked)
		}
	}()
	plain, err := x.t.o.Box.Open(purpose, x.row.Args)
	if err != nil {
		return nil, fmt.Errorf("open the arguments of the task: %w", err)
	}
	return x.t.kinds[x.row.Name].Work(run.Context(x.ctx), run, plain)
}

// judge turns what the work returned into the end of the task. Work that completed in spite of a cancel has
// completed, as far as it goes; the row may know better.
func (x *execution) judge(run *task.Run, result any, err error) verdict {
	var text model.JSON
	if err == nil {
		if text, err = json.Marshal(result); err != nil {
			err = errs.New(errs.Internal, "write the result of the task as JSON: %w", err)
		}
	}
	cause := context.Cause(x.ctx)
	switch {
	case err == nil:
		return verdict{state: task.Completed, result: orNull(text)}
	case errors.Is(cause, errShutdown):
		return aborted()
	case errors.Is(cause, errTooLong):
		return x.tooLong()
	}
	switch kind := errs.KindOf(err); {
	case kind == errs.Canceled, errors.Is(err, errCanceled):
		run.Log().Info("a task was canceled", "error", err)
	case kind == errs.Internal:
		run.Log().Error("a task failed by a fault of ours", "error", err)
	default:
		run.Log().Info("a task failed", "error", err)
	}
	return verdict{state: task.Failed, fault: task.FailureOf(err, x.t.o.Redact).JSON()}
}

// watch looks at the row now and then, and when woken, and ends the work when the task is to be canceled or is not
// ours any more. It returns a function that ends the watch.
func (x *execution) watch() (stop func()) {
	ended := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		every := time.NewTicker(x.t.o.WatchEvery)
		defer every.Stop()
		wake := x.wake
		for {
			select {
			case <-ended:
				return
			case <-x.ctx.Done():
				return
			case <-wake:
				wake = nil
			case <-every.C:
			}
			x.look()
		}
	}()
	return func() { close(ended); <-done }
}

func (x *execution) look() {
	ctx, cancel := context.WithTimeout(x.ctx, patience)
	defer cancel()
	row, err := x.t.load(ctx, x.row.ID)
	switch {
	case errs.Is(err, errs.NotFound):
		x.cancel(errLost)
	case err != nil:
		// The database is away; the work goes on and the next look may see more.
	case row.State == task.Canceling:
		x.cancel(errCanceled)
	case row.State != task.Running || row.Worker == nil || *row.Worker != x.name:
		x.cancel(errLost)
	}
}

// aborted is the end of a task that did not get done before its process had to stop.
func aborted() verdict {
	return verdict{state: task.Failed, fault: task.Reason{Reason: "Aborted during worker shutdown."}.JSON()}
}

// orNull stores the JSON value null as NULL.
func orNull(text model.JSON) model.JSON {
	if string(text) == "null" {
		return nil
	}
	return text
}
