package obs

import (
	"strings"
	"testing"
)

func TestTheTraceOfATraceparent(t *testing.T) {
	t.Parallel()
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for text, want := range map[string]string{
		"00-" + id + "-00f067aa0ba902b7-01":                  id,
		"00-" + id + "-00f067aa0ba902b7-01-more":             "",
		"01-" + id + "-00f067aa0ba902b7-01":                  "",
		"00-" + id + "_00f067aa0ba902b7-01":                  "",
		"00-" + id[:31] + "X-00f067aa0ba902b7-01":            "",
		"00-" + strings.ToUpper(id) + "-00f067aa0ba902b7-01": "",
		"": "", "00-": "",
	} {
		if got := TraceID(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}
