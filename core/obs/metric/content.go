package metric

import "github.com/prometheus/client_golang/prometheus"

// Content counts what the content server gives out.
type Content struct {
	total *prometheus.CounterVec
	bytes *prometheus.CounterVec
}

func newContent(r *prometheus.Registry) *Content {
	return &Content{
		total: counters(r, "content_requests_total", "Finished requests for content by how they were answered.", "how"),
		bytes: counters(r, "content_bytes_total", "Bytes of bodies that the content server sent, by how the request was answered.", "how"),
	}
}

// Served counts a finished request; how is a word of the code.
func (c *Content) Served(how string, bytes int64) {
	c.total.WithLabelValues(how).Inc()
	c.bytes.WithLabelValues(how).Add(float64(max(bytes, 0)))
}
