package metric

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Content counts what the content server gives out.
type Content struct {
	total *prometheus.CounterVec
	bytes *prometheus.CounterVec
	took  *prometheus.HistogramVec
	known *prometheus.CounterVec
}

func newContent(r *prometheus.Registry) *Content {
	return &Content{
		total: counters(r, "content_requests_total", "Finished requests for content by how they were answered.", "how"),
		bytes: counters(r, "content_bytes_total", "Bytes of bodies that the content server sent, by how the request was answered.", "how"),
		took: histograms(r, "content_seconds", "Time until the last byte of an answer was handed to the system, by how the request was answered.",
			[]float64{.001, .005, .025, .1, .5, 2.5, 10, 60, 600}, "how"),
		known: counters(r, "content_lookups_total", "Look-ups of paths by where what they found was known from.", "from"),
	}
}

// Served counts a finished request; how is a word of the code.
func (c *Content) Served(how string, bytes int64, took time.Duration) {
	c.total.WithLabelValues(how).Inc()
	c.bytes.WithLabelValues(how).Add(float64(max(bytes, 0)))
	c.took.WithLabelValues(how).Observe(took.Seconds())
}

// Answered counts a look-up by where its answer came from, a word of the code.
func (c *Content) Answered(from string) { c.known.WithLabelValues(from).Inc() }
