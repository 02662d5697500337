// Package metric counts what a process does, in the form that Prometheus reads. It is the only door to Prometheus.
//
// No label takes a value that comes from a user: routes are templates, kinds of tasks are those that the process knows,
// and all other labels are words of the code. So the number of series has a bound, whatever clients send.
package metric

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins all names but those of the runtime.
const namespace = "packhouse"

const (
	// readers is how many may read at the same time; more get 503.
	readers = 4
	// readLimit is how long one reading may take.
	readLimit = 10 * time.Second
)

// Options say who counts.
type Options struct {
	// Version and Mode are told as they are.
	Version, Mode string
	// Kinds are all kinds of tasks that the process knows; others are counted as "unknown".
	Kinds []string
	// Log is told when a reading fails.
	Log *slog.Logger
}

// Metrics are the counters of one process. They are safe for concurrent use.
type Metrics struct {
	// Requests, Content, Tasks and Spans are the parts that count.
	Requests *Requests
	Content  *Content
	Tasks    *Tasks
	Spans    *Spans

	registry *prometheus.Registry
	log      *slog.Logger
}

// New makes counters that stand at zero.
func New(o Options) *Metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	info := gauges(registry, "info", "What this process is; always 1.", "version", "mode")
	info.WithLabelValues(o.Version, o.Mode).Set(1)
	return &Metrics{
		Requests: newRequests(registry), Content: newContent(registry), Tasks: newTasks(registry, o.Kinds), Spans: newSpans(registry),
		registry: registry, log: o.Log,
	}
}

// Handler answers with everything that is counted, in the text format of Prometheus or what the reader prefers.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: complaints{m.log}, ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: readers, Timeout: readLimit, DisableCompression: true,
	})
}

// complaints writes what goes wrong with a reading into the log.
type complaints struct{ log *slog.Logger }

// Println writes one complaint.
func (c complaints) Println(v ...any) {
	c.log.Warn("the metrics could not be read completely", "cause", strings.TrimSpace(fmt.Sprintln(v...)))
}

func counters(r *prometheus.Registry, name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.MustRegister(v)
	return v
}

func gauges(r *prometheus.Registry, name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.MustRegister(v)
	return v
}

func histograms(r *prometheus.Registry, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(v)
	return v
}

var _ promhttp.Logger = complaints{}
