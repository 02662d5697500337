package metric

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests counts requests by the route that took them.
type Requests struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	open    prometheus.Gauge
	failed  prometheus.Counter
}

func newRequests(r *prometheus.Registry) *Requests {
	return &Requests{
		total: counters(r, "http_requests_total", "Answered requests by template of the route, method and class of the status.", "route", "method", "status"),
		seconds: histograms(r, "http_request_seconds", "Time until a request was answered; without the sending of files.",
			[]float64{.005, .025, .1, .5, 2.5, 10}, "route", "method"),
		open:   gauges(r, "http_requests_in_flight", "Requests that are being answered.").WithLabelValues(),
		failed: counters(r, "http_failures_total", "Requests that were answered with 500 or more, of all routes; shown from the start, so that the first one is seen as a rise.").WithLabelValues(),
	}
}

// Began counts a request that is being answered; Ended must follow.
func (r *Requests) Began() { r.open.Inc() }

// Ended counts an answer. The route is a template, never a path that a client sent.
func (r *Requests) Ended(method, route string, status int, took time.Duration) {
	if !slices.Contains(methods(), method) {
		method = "other"
	}
	r.open.Dec()
	r.total.WithLabelValues(route, method, class(status)).Inc()
	r.seconds.WithLabelValues(route, method).Observe(took.Seconds())
	if status >= http.StatusInternalServerError {
		r.failed.Inc()
	}
}

// methods are those that are told apart.
func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
}

// class is the class of a status, such as "2xx".
func class(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return strconv.Itoa(status/100) + "xx"
}
