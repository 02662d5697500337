package tasks

import (
	"context"
	"errors"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// runHere runs a ready immediate task in the dispatching process, and leaves its outcome in row. When the time is up
// the task has failed, whatever its work still does: nothing of that can be committed any more.
func (t *Tasks) runHere(ctx context.Context, row *task.Row) {
	name := t.self()
	// detached: ctx is that of a commit already; the limit counts from here.
	limited, stop := context.WithTimeoutCause(db.Alone(context.WithoutCancel(ctx)), t.o.ImmediateLimit, errTooLong)
	work, cancel := context.WithCancelCause(limited)
	free := func() { stop(); cancel(nil) }
	if !t.running.enter(row.ID, cancel) {
		free()
		t.deliverLater(ctx, row)
		return
	}
	claimed, err := t.claim(ctx, row.ID, name)
	if err != nil || claimed == nil {
		t.running.leave(row.ID)
		free()
		if err != nil {
			t.log.Warn("an immediate task could not be begun, it is left to a worker", "task", row.ID, "error", err)
		}
		t.deliverLater(ctx, row)
		return
	}
	x := execution{t: t, row: claimed, name: name, ctx: work, cancel: cancel}
	performed := make(chan verdict, 1)
	go func() {
		defer free()
		performed <- x.perform()
	}()
	x.finish(x.inTime(performed))
	t.running.leave(row.ID)
	if errors.Is(context.Cause(work), errTooLong) {
		t.log.Warn("an immediate task ran out of time", "task", row.ID, "kind", row.Name, "limit", t.o.ImmediateLimit)
	}
	if final, err := t.load(ctx, row.ID); err == nil {
		*row = *final
	}
}

// inTime waits for the work or for the end of its time.
func (x *execution) inTime(performed <-chan verdict) verdict {
	select {
	case v := <-performed:
		return v
	case <-x.ctx.Done():
	}
	if errors.Is(context.Cause(x.ctx), errTooLong) {
		return x.tooLong()
	}
	// Canceled or shut down: work that listens ends soon.
	return <-performed
}

// tooLong is the end of an immediate task that overran.
func (x *execution) tooLong() verdict {
	err := errs.Coded(errs.Unavailable, task.CodeImmediateTimeout, "The task %s did not end within %s and was given up.", x.row.Name, x.t.o.ImmediateLimit)
	return verdict{state: task.Failed, fault: task.FailureOf(err, false).JSON()}
}
