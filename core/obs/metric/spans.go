package metric

import "github.com/prometheus/client_golang/prometheus"

// Spans counts the spans of traces. What ended and was neither sent nor lost is on its way or was dropped because too
// many were on their way.
type Spans struct{ total *prometheus.CounterVec }

func newSpans(r *prometheus.Registry) *Spans {
	return &Spans{counters(r, "trace_spans_total", "Spans that ended, were sent to the collector, or were lost because it did not take them.", "what")}
}

// Count counts spans; what is a word of the code.
func (s *Spans) Count(what string, n int) { s.total.WithLabelValues(what).Add(float64(n)) }
