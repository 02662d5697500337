// Package trace follows work from the request that asked for it to the task that did it, in the form of OpenTelemetry.
// It is the only door to OpenTelemetry.
//
// A span holds names of the code, routes as templates, identities and numbers. It never holds what came with a request:
// no path, no query, no header, no body, no text of an error.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope names who made the spans.
const scope = "github.com/packhouse/packhouse"

// header is the one member of the W3C trace context that is used.
const header = "traceparent"

// Options say where spans go.
type Options struct {
	// Endpoint is the address of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318.
	Endpoint string
	// Sampling is the part of the traces that is recorded, from 0 to 1.
	Sampling float64
	// Version and Mode say whose spans these are.
	Version, Mode string
	// Log is told when the collector takes none.
	Log *slog.Logger
	// Count is told how many spans "ended", were "sent" or are "lost"; nil tells nobody.
	Count func(what string, n int)
}

// Tracer makes spans. A nil Tracer makes none. It is safe for concurrent use.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Open makes a Tracer. It does not wait for the collector: spans are sent from the side, and dropped when that fails.
func Open(ctx context.Context, o Options) (*Tracer, error) {
	out, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimSuffix(o.Endpoint, "/")+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("set up the sending of traces: %w", err)
	}
	if o.Count == nil {
		o.Count = func(string, int) {}
	}
	// What a client says about sampling is not heard; what another process of ours has decided is kept.
	part := sdk.TraceIDRatioBased(o.Sampling)
	provider := sdk.NewTracerProvider(
		sdk.WithSampler(sdk.ParentBased(part, sdk.WithRemoteParentSampled(part), sdk.WithRemoteParentNotSampled(part))),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "packhouse"), attribute.String("service.version", o.Version), attribute.String("packhouse.mode", o.Mode),
		)),
		sdk.WithSpanProcessor(counter{o.Count}),
		sdk.WithBatcher(&sender{SpanExporter: out, o: o}),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope)}, nil
}

// Close sends what is left, as long as ctx lasts.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// begin starts a span. The parent is a traceparent; what is none counts as not given. Ours is one that a process of
// Packhouse has written.
func (t *Tracer) begin(ctx context.Context, parent string, ours bool, name string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	// detached: this context only carries the parent out of its text.
	from := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{header: parent}))
	if from.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, from.WithRemote(!ours))
	}
	return t.tracer.Start(ctx, name, o...)
}

// Parent gives the traceparent of the span of ctx, for those who go on with the work; empty where there is none.
func Parent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[header]
}

// ID gives the trace that ctx belongs to, as 32 hexadecimal digits; empty where there is none.
func ID(ctx context.Context) string {
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}
