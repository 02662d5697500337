package child

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMemoryOf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		status := rapid.StringMatching(`(Name:\tx\n|VmRSS:\t 77 kB\n|RssAnon:\t *2 kB\n){0,5}`).Draw(t, "status")
		if got, want := memoryOf([]byte(status)), int64(strings.Count(status, "RssAnon"))*2048; got != want {
			t.Fatalf("%q has %d bytes, want %d", status, got, want)
		}
	})
}
