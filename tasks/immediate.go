package tasks

import (
	"context"
	"errors"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// runHere runs an immediate task, which the dispatch has claimed, in the dispatching process, and leaves its outcome in
// row. When the time is up the task has failed, whatever its work still does: nothing of that can be committed any more.
func (t *Tasks) runHere(ctx context.Context, row *task.Row) {
	// detached: ctx is that of a commit already; the limit counts from here.
	limited, stop := context.WithTimeoutCause(db.Alone(context.WithoutCancel(ctx)), t.o.ImmediateLimit, errTooLong)
	defer stop()
	work, cancel := context.WithCancelCause(limited)
	defer cancel(nil)
	claimed := *row
	x := &execution{t: t, row: &claimed, name: *row.Worker, ctx: work, cancel: cancel}
	wake, mine := t.running.enter(row.ID, cancel)
	if !mine {
		if err := t.putBack(ctx, row.ID, x.name); err != nil {
			t.log.Warn("an immediate task could not be begun, it is left to the sweeper", "task", row.ID, "error", err)
		}
		return
	}
	x.wake = wake
	x.finish(x.perform())
	t.running.leave(row.ID)
	if errors.Is(context.Cause(work), errTooLong) {
		t.log.Warn("an immediate task ran out of time", "task", row.ID, "kind", row.Name, "limit", t.o.ImmediateLimit)
	}
	if final, err := t.load(ctx, row.ID); err == nil {
		*row = *final
		x.told(row)
	}
}

// tooLong is the end of an immediate task that overran.
func (x *execution) tooLong() verdict {
	err := errs.Coded(errs.Unavailable, task.CodeImmediateTimeout, "The task %s did not end within %s and was given up.", x.row.Name, x.t.o.ImmediateLimit)
	return verdict{state: task.Failed, fault: task.FailureOf(err, false).JSON()}
}
