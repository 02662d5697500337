package content

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/serve"
)

// TestEveryAnswerIsCounted: once, with the bytes of its body.
func TestEveryAnswerIsCounted(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var counted []string
	s := start(t, nil, func(o *Options) {
		o.Served = func(how string, bytes int64, _ time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			counted = append(counted, fmt.Sprint(how, " ", bytes))
		}
	})
	s.add("d/a.txt", "hello")
	s.offers["d/"] = serve.Result{Listing: &serve.Listing{}}
	for _, path := range []string{"d/a.txt", "d/", "d/missing"} {
		s.ask("GET", prefix+path, nil)
		s.awaitAccess(prefix + path)
	}
	s.ask("HEAD", prefix+"d/a.txt", nil)
	s.awaitAccess(prefix + "d/a.txt")
	s.ask("GET", prefix+"d/a.txt", map[string]string{"Range": "bytes=0-1"})
	s.awaitAccess(prefix + "d/a.txt")
	mu.Lock()
	defer mu.Unlock()
	for i, want := range []string{"stored 5", "listing ", "none ", "stored 0", "stored 2"} {
		if i >= len(counted) || counted[i][:min(len(want), len(counted[i]))] != want {
			t.Errorf("counted %q, the answer %d is %q", counted, i, want)
		}
	}
	if len(counted) != 5 || slices.Contains(counted, "listing 0") {
		t.Errorf("counted %q", counted)
	}
}
