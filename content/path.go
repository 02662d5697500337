package content

import (
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// below takes the prefix off a raw request path and decodes the rest exactly once. What could mean one thing here and
// another to a proxy in front (dot segments, encoded slashes, backslashes, control characters) is not found; a broken
// escape is errs.Invalid, a path that is too long errs.TooLarge.
func below(prefix, raw string) (string, error) {
	rest, ok := strings.CutPrefix(raw, prefix)
	if !ok || strings.Contains(strings.ToLower(rest), "%2f") {
		return "", noSuchPath()
	}
	path, err := url.PathUnescape(rest)
	if err != nil {
		return "", errs.New(errs.Invalid, "the path has a malformed escape; write %%25 for a percent sign")
	}
	if err := short(path); err != nil {
		return "", err
	}
	if !serve.CleanPath(path) {
		return "", noSuchPath()
	}
	return path, nil
}

func noSuchPath() error { return errs.New(errs.NotFound, "there is nothing under this path") }
