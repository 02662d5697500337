package content

import (
	"testing"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
)

// TestSharedCachesKeepNothingGuarded: a cache in front answers the next client without asking the guard.
func TestSharedCachesKeepNothingGuarded(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.add("file", "text")
	guard := "guard"
	guarded := &model.Distribution{ContentGuardID: &guard}
	s.offers["let/in"] = serve.Result{Distribution: guarded, Found: s.offers["file"].Found}
	s.offers["let/"] = serve.Result{Distribution: guarded, Listing: &serve.Listing{}}
	s.offers["let"] = serve.Result{Distribution: guarded, AddSlash: true}
	s.offers["moved/x"] = serve.Result{Distribution: guarded, Moved: "let/in"}
	for path, want := range map[string]string{"file": "", "let/in": "private", "let/": "private", "let": "private", "moved/x": "private"} {
		for _, send := range []headers{nil, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}, {"Range": "bytes=9-"}} {
			for _, method := range []string{"GET", "HEAD"} {
				if a := s.ask(method, prefix+path, send); a.StatusCode >= 500 || a.Header.Get("Cache-Control") != want {
					t.Errorf("%s %s %v: %d, Cache-Control is %q, want %q", method, path, send, a.StatusCode, a.Header.Get("Cache-Control"), want)
				}
			}
		}
	}
}
