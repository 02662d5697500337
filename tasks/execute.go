package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
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
	// left tells the observer how the row was left.
	left func(row *task.Row)
}

// perform runs the work and says how it ended. Work that does not heed the end of its context is given up after a while:
// nothing that it does afterwards can be committed.
func (x *execution) perform() verdict {
	x.ctx, x.left = x.t.o.Observer.Began(x.ctx, x.row)
	watched := x.watch()
	defer watched()
	done := make(chan verdict, 1)
	go func() { done <- x.toTheEnd() }()
	select {
	case v := <-done:
		return v
	case <-x.ctx.Done():
	}
	return x.givenUp(done)
}

// givenUp waits for work whose context has ended, for as long as its cause allows.
func (x *execution) givenUp(done <-chan verdict) verdict {
	cause := context.Cause(x.ctx)
	switch {
	case errors.Is(cause, errTooLong):
		return x.tooLong()
	case errors.Is(cause, errShutdown):
		select {
		case v := <-done:
			return v
		case <-x.t.abandoned:
			return aborted()
		}
	}
	limit := time.NewTimer(x.t.o.CancelLimit)
	defer limit.Stop()
	select {
	case v := <-done:
		return v
	case <-x.t.abandoned:
	case <-limit.C:
		x.t.log.Error("a task did not heed its cancel, its end is written without it", "task", x.row.ID, "kind", x.row.Name, "after", x.t.o.CancelLimit)
	}
	if errors.Is(cause, errCanceled) {
		return verdict{state: task.Canceled}
	}
	return failedFor("The work did not end within %s after it was told to.", x.t.o.CancelLimit)
}

// told passes on how the row was left.
func (x *execution) told(row *task.Row) {
	if x.left != nil {
		x.left(row)
	}
}

// toTheEnd runs the work until it returns.
func (x *execution) toTheEnd() verdict {
	run := task.NewRun(task.Setup{
		DB: x.t.db, Row: x.row, Dispatcher: x.t, Log: x.t.log, Folder: x.t.folderOf(x.name), LogBegun: x.inChild(), ShowFaults: !x.t.o.Redact,
	})
	keep := x.t.o.Keep
	if x.row.Immediate || x.inChild() { // what a child does is recorded there
		keep = nil
	}
	recording := run.Record(x.ctx, keep)
	noted := sync.OnceFunc(func() { x.noteCancel(run) })
	if !x.inChild() { // which keeps the log until it has ended
		defer context.AfterFunc(x.ctx, noted)()
	}
	result, err := x.work(run)
	// detached: what was counted is saved also after a cancel.
	last, cancel := context.WithTimeout(context.WithoutCancel(x.ctx), patience)
	defer cancel()
	recording.Finish(last)
	noted()
	v := x.judge(run, result, err)
	run.NoteEnd(last, v.state)
	if v.state == task.Completed {
		v.log = run.TakeLog() // it is saved with the end of the task
		v.quiet = run.Quiet() && !x.inChild()
	}
	if closing := run.Close(last); closing != nil {
		run.Log().Warn("the end of a task was not tidy", "error", closing)
	}
	return v
}

// noteCancel writes into the task's own log that its cancel was requested, if it was.
func (x *execution) noteCancel(run *task.Run) {
	if by, canceled := errors.AsType[canceledBy](context.Cause(x.ctx)); canceled {
		run.Note(x.ctx, slog.LevelInfo, by.request())
	}
}

// work opens the arguments and calls the handler; a panic becomes an error.
func (x *execution) work(run *task.Run) (result any, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			stack := debug.Stack()
			err = task.Panicked(panicked, stack)
			// Not for the task's own log, which others read.
			x.t.log.Error("a task panicked", "task", x.row.ID, "kind", x.row.Name, "panic", fmt.Sprint(panicked), "stack", string(stack))
		}
	}()
	if x.inChild() {
		return x.workInChild(run)
	}
	plain, err := x.t.o.Box.Open(purpose, x.row.Args)
	if err != nil {
		return nil, fmt.Errorf("open the arguments of the task: %w", err)
	}
	return x.t.kinds[x.row.Name].Work(run.Context(x.ctx), run, plain)
}

// judge turns what the work returned into the end of the task. Work that completed although it was canceled is canceled:
// whoever asked for it may not have come to write that into the row yet.
func (x *execution) judge(run *task.Run, result any, err error) verdict {
	var text model.JSON
	if err == nil {
		text, err = task.ResultOf(result)
	}
	cause := context.Cause(x.ctx)
	switch {
	case err == nil && !errors.Is(cause, errCanceled):
		return verdict{state: task.Completed, result: text}
	case errors.Is(cause, errShutdown):
		return aborted()
	case errors.Is(cause, errTooLong):
		return x.tooLong()
	case errors.Is(cause, errCanceled):
		run.Log().Info("The task was canceled.")
		return verdict{state: task.Canceled}
	}
	switch kind := errs.KindOf(err); {
	case kind == errs.Canceled, errors.Is(err, errCanceled):
		run.Log().Info("The task was canceled.")
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
		for {
			select {
			case <-ended:
				return
			case <-x.ctx.Done():
				return
			case <-x.wake:
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
		by := canceledBy{}
		if row.CanceledBy != nil {
			by.name = *row.CanceledBy
		}
		x.cancel(by)
	case row.State != task.Running || !row.SameClaim(x.row):
		x.cancel(errLost)
	}
}

// aborted is the end of a task that did not get done before its process had to stop.
func aborted() verdict {
	return verdict{state: task.Failed, fault: task.Reason{Reason: "Aborted during worker shutdown."}.JSON()}
}
