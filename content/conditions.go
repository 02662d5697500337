package content

import (
	"net/http"
	"strings"
	"time"
)

// validators are what a representation can be told from another by (RFC 9110 §8.8).
type validators struct {
	etag     string    // a strong one, with its quotes; empty as long as the digest is not known
	modified time.Time // whole seconds; zero where nobody knows it
	// unverified is set when the bytes that go out may still turn out to be others than the tag says. A client must not add
	// to what it has of them, so it is given a weak tag, which is of no use for ranges, and no date.
	unverified bool
}

// verdict is the outcome of preconditions.
type verdict int

const (
	proceed verdict = iota
	notModified
	failed
)

// status is how a verdict is answered.
func (v verdict) status() int {
	if v == failed {
		return http.StatusPreconditionFailed
	}
	return http.StatusNotModified
}

// check evaluates the preconditions of a GET or HEAD in the order of RFC 9110 §13.2.2, If-Range excepted. The function
// gives the lines of a header.
func (v validators) check(lines func(name string) []string) verdict {
	if match := lines("If-Match"); len(match) > 0 {
		if !v.listed(match, false) {
			return failed
		}
	} else if since, ok := date(lines("If-Unmodified-Since")); ok && !v.modified.IsZero() && v.modified.After(since) {
		return failed
	}
	if none := lines("If-None-Match"); len(none) > 0 {
		if v.listed(none, true) {
			return notModified
		}
	} else if since, ok := date(lines("If-Modified-Since")); ok && since.Equal(v.modified) {
		return notModified // a later date is not enough: a distribution that is taken back to what it was has older files
	}
	return proceed
}

// sameRange evaluates If-Range (RFC 9110 §13.1.5): a range is of use only to the very representation that the client
// has a part of. A date has to be exactly ours.
func (v validators) sameRange(lines []string) bool {
	switch {
	case len(lines) == 0:
		return true
	case len(lines) > 1:
		return false
	}
	value := strings.TrimSpace(lines[0])
	if strings.HasPrefix(value, `"`) {
		return value == v.etag
	}
	at, ok := date(lines)
	return ok && !v.modified.IsZero() && at.Equal(v.modified)
}

// listed tells whether our tag is in a list of entity tags. Weak ones count only in a weak comparison.
func (v validators) listed(lines []string, weak bool) bool {
	list := strings.TrimSpace(strings.Join(lines, ","))
	if list == "*" {
		return true
	}
	for list != "" {
		list = strings.TrimLeft(list, " \t,")
		isWeak := strings.HasPrefix(list, "W/")
		tag, rest, ok := quoted(strings.TrimPrefix(list, "W/"))
		if !ok {
			return false
		}
		if tag == v.etag && (weak || !isWeak) {
			return true
		}
		list = rest
	}
	return false
}

// quoted cuts an entity tag, with its quotes, from the start of a list; a comma may be part of it.
func quoted(list string) (tag, rest string, ok bool) {
	if !strings.HasPrefix(list, `"`) {
		return "", "", false
	}
	end := strings.IndexByte(list[1:], '"')
	if end < 0 {
		return "", "", false
	}
	return list[:end+2], list[end+2:], true
}

// date reads a header that must be one HTTP date; anything else is as if it were not there.
func date(lines []string) (time.Time, bool) {
	if len(lines) != 1 {
		return time.Time{}, false
	}
	at, err := http.ParseTime(strings.TrimSpace(lines[0]))
	return at, err == nil
}
