package content

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestWhatCountsAsADownload: a client that has the file now, or a part of it, or knows that its copy is the right one.
func TestWhatCountsAsADownload(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []string
	s := start(t, nil, func(o *Options) {
		o.Downloaded = func(content string, at time.Time) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, content)
			if at.IsZero() || time.Since(at) > time.Hour {
				t.Errorf("it was asked for at %s", at)
			}
		}
	})
	artifact := s.add("d/a.txt", "hello")
	s.offers["d/a.txt"].Found.ContentID = "unit"
	s.add("d/metadata", "m")
	for _, c := range []struct {
		method, path string
		headers      map[string]string
		status       int
		counts       bool
	}{
		{"GET", "d/a.txt", nil, http.StatusOK, true},
		{"GET", "d/a.txt", map[string]string{"Range": "bytes=0-1"}, http.StatusPartialContent, true},
		{"GET", "d/a.txt", map[string]string{"If-None-Match": `"` + artifact.SHA256 + `"`}, http.StatusNotModified, true},
		{"GET", "d/a.txt", map[string]string{"If-Match": `"other"`}, http.StatusPreconditionFailed, false},
		{"GET", "d/a.txt", map[string]string{"Range": "bytes=9-"}, http.StatusRequestedRangeNotSatisfiable, false},
		{"HEAD", "d/a.txt", nil, http.StatusOK, false},
		{"POST", "d/a.txt", nil, http.StatusMethodNotAllowed, false},
		{"GET", "d/metadata", nil, http.StatusOK, false},
		{"GET", "d/missing", nil, http.StatusNotFound, false},
		{"GET", "guarded", nil, http.StatusForbidden, false},
	} {
		if a := s.ask(c.method, prefix+c.path, c.headers); a.StatusCode != c.status {
			t.Errorf("%s %s %v is answered with %d", c.method, c.path, c.headers, a.StatusCode)
		}
		s.awaitAccess(prefix + c.path)
		mu.Lock()
		if counted := slices.Equal(told, []string{"unit"}); counted != c.counts || !counted && len(told) > 0 {
			t.Errorf("%s %s %v is told as %q", c.method, c.path, c.headers, told)
		}
		told = nil
		mu.Unlock()
	}
}
