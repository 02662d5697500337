package trace

import (
	"context"
	"sync"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// quiet is the time between two complaints about a collector that takes nothing.
const quiet = time.Minute

// sender sends spans and keeps failures to itself: what is lost is counted and told, now and then, in the log.
type sender struct {
	sdk.SpanExporter
	o Options

	mu     sync.Mutex
	lost   int
	silent time.Time // no complaint before
}

// ExportSpans sends spans. It never fails, for nobody could do anything about it.
func (s *sender) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := s.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		s.o.Count("sent", len(spans))
		s.recovered()
		return nil
	}
	s.o.Count("lost", len(spans))
	s.complain(err, len(spans))
	return nil
}

func (s *sender) complain(err error, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += n
	if now := time.Now(); !now.Before(s.silent) {
		s.silent = now.Add(quiet)
		s.o.Log.Warn("traces were lost, the collector of telemetry.endpoint does not take them", "spans", s.lost, "error", err)
	}
}

// recovered says that the trouble is over, if there was any.
func (s *sender) recovered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost > 0 {
		s.o.Log.Info("the collector takes traces again", "lost_spans", s.lost)
		s.lost, s.silent = 0, time.Time{}
	}
}

// counter counts the spans that end.
type counter struct{ count func(what string, n int) }

// OnStart does nothing.
func (counter) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd counts.
func (c counter) OnEnd(span sdk.ReadOnlySpan) {
	if span.SpanContext().IsSampled() {
		c.count("ended", 1)
	}
}

// Shutdown does nothing.
func (counter) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (counter) ForceFlush(context.Context) error { return nil }

var (
	_ sdk.SpanExporter  = (*sender)(nil)
	_ sdk.SpanProcessor = counter{}
)
