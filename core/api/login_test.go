package api

import (
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

func TestRoutesMatchPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		route, path string
		want        bool
	}{
		{"a/{id}/", "a/x/", true}, {"a/{id}/", "a//", false}, {"a/{id}/", "a/x", false}, {"a/{id}/b/", "a/x/c/", false}, {"a/", "a/", true}, {"a/", "A/", false}, {"", "", true}, {"a/{id}/", "a/x/y/", false},
	} {
		if got := matches(c.route, c.path); got != c.want {
			t.Errorf("%q takes %q: %v", c.route, c.path, got)
		}
	}
}

// TestEveryKindOfErrorHasAStatus: a kind without one would be told as our fault.
func TestEveryKindOfErrorHasAStatus(t *testing.T) {
	t.Parallel()
	for kind, want := range map[errs.Kind]int{
		errs.Internal: 500, errs.Invalid: 400, errs.Unauthenticated: 401, errs.Forbidden: 403, errs.NotFound: 404, errs.NotAllowed: 405, errs.Conflict: 409,
		errs.TooLarge: 413, errs.Unsupported: 415, errs.Range: 416, errs.TooMany: 429, errs.Unavailable: 503, errs.Canceled: 503, errs.StorageFull: 507, "": 500,
	} {
		if got := statusOf(kind); got != want {
			t.Errorf("%s is answered %d, want %d", kind, got, want)
		}
	}
}
