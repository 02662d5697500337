package tasks

import (
	"context"

	"github.com/packhouse/packhouse/core/task"
)

// Observer hears what the machine does, for metrics and traces. Its methods are called beside the work: they must be
// quick, may be called at the same time, and nothing depends on them.
type Observer interface {
	// Trace gives the W3C trace context (traceparent) of ctx, which a new task keeps in Row.Trace; empty is none.
	Trace(ctx context.Context) string
	// Dispatched is told of a task whose dispatch is committed.
	Dispatched(kind string)
	// Began is told of a task that this process has claimed and is about to run. The work gets the context that it
	// gives. The function must be called once, with the row as it was left: final, or given back to another process.
	Began(ctx context.Context, row *task.Row) (context.Context, func(left *task.Row))
	// Ended is told of a task that is final, by the process that wrote that: once for each task, whether it began or not.
	Ended(row *task.Row)
	// Swept is told what a sweep had to make up for, and for how many tasks or processes. An action is a word of the
	// code, such as "buried".
	Swept(action string, n int)
	// Woken is told what made a worker look for work, in a word of the code, such as "redis".
	Woken(by string)
}

// Unobserved is the Observer that nobody listens with.
type Unobserved struct{}

// Trace gives nothing.
func (Unobserved) Trace(context.Context) string { return "" }

// Dispatched does nothing.
func (Unobserved) Dispatched(string) {}

// Began gives ctx back.
func (Unobserved) Began(ctx context.Context, _ *task.Row) (context.Context, func(*task.Row)) {
	return ctx, func(*task.Row) {}
}

// Ended does nothing.
func (Unobserved) Ended(*task.Row) {}

// Swept does nothing.
func (Unobserved) Swept(string, int) {}

// Woken does nothing.
func (Unobserved) Woken(string) {}

var _ Observer = Unobserved{}
