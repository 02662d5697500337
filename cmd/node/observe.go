package node

import (
	"context"
	"time"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/obs/metric"
	"github.com/packhouse/packhouse/core/obs/trace"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/tasks"
)

// observer counts and traces what the machines do.
type observer struct {
	metrics *metric.Metrics
	tracer  *trace.Tracer
}

// Request counts and traces a request.
func (o *observer) Request(ctx context.Context, method, traceparent string) (context.Context, func(route string, status int)) {
	begin := time.Now()
	o.metrics.Requests.Began()
	ctx, traced := o.tracer.Request(ctx, method, traceparent)
	return ctx, func(route string, status int) {
		traced(route, status)
		o.metrics.Requests.Ended(method, route, status, time.Since(begin))
	}
}

// Trace gives the trace that a task shall go on with.
func (o *observer) Trace(ctx context.Context) string { return trace.Parent(ctx) }

// Dispatched counts a task.
func (o *observer) Dispatched(kind string) { o.metrics.Tasks.Dispatched(kind) }

// Began counts a task that runs here and goes on with its trace.
func (o *observer) Began(ctx context.Context, row *task.Row) (context.Context, func(left *task.Row)) {
	locked, queued := between(&row.PulpCreated, row.UnblockedAt), between(row.SentAt, row.StartedAt)
	o.metrics.Tasks.Began(row.Name, locked, queued)
	ctx, traced := o.tracer.Work(ctx, trace.Work{ID: row.ID, Kind: row.Name, Parent: row.Trace, Locked: max(locked, 0), Queued: max(queued, 0)})
	began := time.Now()
	return ctx, func(left *task.Row) {
		o.metrics.Tasks.Left(row.Name, time.Since(began))
		traced(string(left.State), left.State == task.Failed)
	}
}

// Ended counts a task that is final.
func (o *observer) Ended(row *task.Row) { o.metrics.Tasks.Ended(row.Name, string(row.State)) }

// Swept counts what a sweep did.
func (o *observer) Swept(action string, n int) { o.metrics.Tasks.Swept(action, n) }

// Woken counts a look for work.
func (o *observer) Woken(by string) { o.metrics.Tasks.Woken(by) }

// unknown is a time that the row of a task does not tell.
const unknown = time.Duration(-1)

// between is the time from one moment to another. Processes with clocks apart may give one that runs backwards: that is
// no time at all.
func between(from, to *time.Time) time.Duration {
	if from == nil || to == nil {
		return unknown
	}
	return max(to.Sub(*from), 0)
}

var (
	_ tasks.Observer = (*observer)(nil)
	_ api.Watch      = (*observer)(nil)
)
