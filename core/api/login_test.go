package api

import (
	"encoding/base64"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

func TestBasicCredentials(t *testing.T) {
	t.Parallel()
	encode := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for header, want := range map[string][2]string{
		encode("a:b"):                 {"a", "b"},
		encode("a:b:c"):               {"a", "b:c"},
		encode(":"):                   {"", ""},
		encode("ä:ö"):                 {"ä", "ö"},
		encode("\xe4:\xf6"):           {"ä", "ö"}, // Latin-1, as some clients send it
		"basic  " + encode("a:b")[6:]: {"a", "b"},
	} {
		name, password, err := basic(header)
		if err != nil || name != want[0] || password != want[1] {
			t.Errorf("%q gives %q, %q, %v", header, name, password, err)
		}
	}
	for _, header := range []string{"", "Basic", "Basic !", "Bearer " + encode("a:b")[6:], encode("ab"), encode("a\x00:b"), encode("a:b\x00")} {
		if name, password, err := basic(header); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%q gives %q, %q, %v", header, name, password, err)
		}
	}
}

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
		errs.TooLarge: 413, errs.Unsupported: 415, errs.Range: 416, errs.Unavailable: 503, errs.Canceled: 503, errs.StorageFull: 507, "": 500,
	} {
		if got := statusOf(kind); got != want {
			t.Errorf("%s is answered %d, want %d", kind, got, want)
		}
	}
}
