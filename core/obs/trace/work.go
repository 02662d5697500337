package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Work is a task that begins.
type Work struct {
	ID, Kind string
	// Parent is the traceparent that the dispatch has kept.
	Parent string
	// Locked is how long it waited for its resources, Queued how long it was ready then.
	Locked, Queued time.Duration
}

// Process begins the span of what this process does of a task that another one has claimed: that one's span, told by the
// traceparent parent, goes from the claim to the end. The function ends it.
func (t *Tracer) Process(ctx context.Context, id, parent string) (context.Context, func()) {
	if t == nil {
		return ctx, func() {}
	}
	ctx, span := t.begin(ctx, parent, true, "task process", trace.WithAttributes(attribute.String("packhouse.task.id", id)))
	return ctx, func() { span.End() }
}

// Work begins the span of a task. The function ends it with the state that the task was left in; failed marks the span.
func (t *Tracer) Work(ctx context.Context, w Work) (context.Context, func(state string, failed bool)) {
	if t == nil {
		return ctx, func(string, bool) {}
	}
	ctx, span := t.begin(ctx, w.Parent, true, "task "+w.Kind, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("packhouse.task.id", w.ID), attribute.String("packhouse.task.kind", w.Kind),
		attribute.Float64("packhouse.task.lock_wait_seconds", w.Locked.Seconds()), attribute.Float64("packhouse.task.queue_seconds", w.Queued.Seconds()),
	))
	return ctx, func(state string, failed bool) {
		span.SetAttributes(attribute.String("packhouse.task.state", state))
		if failed {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
