package child

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/obs/trace"
	"github.com/packhouse/packhouse/core/task"
)

// Runner starts children.
type Runner struct {
	// Program is the path of the program, Args are the words that make it a child. Its environment is that of this
	// process.
	Program string
	Args    []string
	// Settings go into each order.
	Settings json.RawMessage
	// Log gets what the children log; nil discards.
	Log *slog.Logger
	// Grace is how long a child that is told to end, or that has answered, may take to end; 0 is 5 s.
	Grace time.Duration
	// LookEvery is the time between two looks at the memory of a child; 0 is 50 ms.
	LookEvery time.Duration
}

// Run has the work of a claimed task done by a child and gives its result, as JSON, or its error. A child that uses more
// than memory, in bytes, is ended. When ctx ends, the child is told to end, and is ended when it does not. A child that
// ended without an answer gives an error that says how.
func (r *Runner) Run(ctx context.Context, row *task.Row, memory int64, folder string) (json.RawMessage, error) {
	if row.Worker == nil {
		return nil, errs.New(errs.Internal, "the task %s is claimed by nobody", row.ID)
	}
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	// The kernel ends a child together with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := r.start(ctx, memory)
	if err != nil {
		return nil, errs.New(errs.Unavailable, "start a process for the task; look whether the host has memory and processes left, then start the task again: %w", err)
	}
	go p.tell(Order{Task: row.ID, Worker: *row.Worker, Folder: folder, Trace: trace.Parent(ctx), Settings: r.Settings})
	p.guard(ctx)
	return p.outcome(ctx)
}

// ended is the error of work whose context has ended.
func ended(ctx context.Context) error {
	return errs.New(errs.Canceled, "the process of the task was ended: %w", context.Cause(ctx))
}

// outcome says how a child that is gone has ended. An answer counts whatever came after it.
func (p *process) outcome(ctx context.Context) (json.RawMessage, error) {
	switch a, state := p.answer, p.cmd.ProcessState; {
	case a != nil && a.Fault != nil:
		return nil, a.Fault.err()
	case a != nil:
		return a.Result, nil
	case p.excess:
		return nil, errs.New(errs.TooLarge, "The task used more than %s of memory and was ended.", mebibytes(p.memory))
	case ctx.Err() != nil:
		return nil, ended(ctx)
	case p.signal() != 0:
		return nil, errs.New(errs.Unavailable, "The process of the task was ended by signal %d (%s) before the work was done.", p.signal(), p.signal())
	case p.fault != nil && state.Success():
		return nil, fmt.Errorf("hear from the process of the task how it ended: %w", p.fault)
	default:
		return nil, errs.New(errs.Unavailable, "The process of the task ended with exit code %d before the work was done; the log of the worker says more.", state.ExitCode())
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
