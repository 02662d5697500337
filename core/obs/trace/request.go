package trace

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Request begins the span of a request. Parent is the header traceparent, of which only the identities count. The
// function ends the span; the route is a template.
func (t *Tracer) Request(ctx context.Context, method, parent string) (context.Context, func(route string, status int)) {
	if t == nil {
		return ctx, func(string, int) {}
	}
	ctx, span := t.begin(ctx, parent, false, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("http.request.method", method)))
	return ctx, func(route string, status int) {
		span.SetName(method + " " + route)
		span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
