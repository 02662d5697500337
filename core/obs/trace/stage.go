package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Outcome is what a stage of work tells at its end.
type Outcome struct {
	// Failed marks the span.
	Failed bool
	// Busy is how long the stage worked, where it also waited for others; 0 is not told. What several did at once is
	// added up.
	Busy time.Duration
	// Counts are numbers under words of the code.
	Counts map[string]int64
}

// Stage makes a span for a part of the work of ctx, if that is traced. The name is a word of the code. The function ends
// it.
func Stage(ctx context.Context, name string) (context.Context, func(Outcome)) {
	ctx, span := trace.SpanFromContext(ctx).TracerProvider().Tracer(scope).Start(ctx, name)
	return ctx, func(o Outcome) {
		if o.Busy > 0 {
			span.SetAttributes(attribute.Float64("packhouse.stage.busy_seconds", o.Busy.Seconds()))
		}
		for word, n := range o.Counts {
			span.SetAttributes(attribute.Int64("packhouse.stage."+word, n))
		}
		if o.Failed {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
