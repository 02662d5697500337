package storage

import (
	"strings"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/errs"
)

const (
	// MaxKey is the longest key in bytes; S3 allows no more.
	MaxKey = 1024
	// MaxSegment is the longest part of a key between slashes in bytes; most file systems allow no more.
	MaxSegment = 255
	// Reserved is the first segment that no key may have: file systems keep half-written blobs there.
	Reserved = "tmp"
)

// ValidKey checks a key against the rules of all backends, so that blobs can move between them: a relative slash path
// of valid UTF-8 without empty segments, ".", "..", backslashes or control characters, at most MaxKey bytes long, and not
// under Reserved. Nothing is decoded: "%2e%2e" is a name like any other. The error is errs.Invalid.
func ValidKey(key string) error {
	if fault := keyFault(key); fault != "" {
		return errs.New(errs.Invalid, "the storage key %q %s; use a relative path such as artifact/ab/cdef", clip(key), fault)
	}
	return nil
}

// ValidPrefix checks that some key may start with prefix; the empty prefix means all keys.
func ValidPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if fault := keyFault(prefix + "x"); fault != "" {
		return errs.New(errs.Invalid, "no storage key starts with %q, such a key %s; use the beginning of a key", clip(prefix), fault)
	}
	return nil
}

func keyFault(key string) string {
	switch {
	case key == "":
		return "is empty"
	case len(key) > MaxKey:
		return "is longer than 1024 bytes"
	case !utf8.ValidString(key):
		return "is not valid UTF-8"
	case strings.ContainsFunc(key, forbidden):
		return "contains a control character or a backslash"
	}
	for i, segment := range strings.Split(key, "/") {
		if fault := segmentFault(segment, i == 0); fault != "" {
			return fault
		}
	}
	return ""
}

func segmentFault(segment string, first bool) string {
	switch {
	case segment == "":
		return "has an empty segment"
	case segment == "." || segment == "..":
		return `has the segment "." or ".."`
	case len(segment) > MaxSegment:
		return "has a segment longer than 255 bytes"
	case first && segment == Reserved:
		return `is in the reserved folder "tmp"`
	}
	return ""
}

func forbidden(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }

// clip keeps the message short when the key is not.
func clip(key string) string {
	const most = 80
	if len(key) <= most {
		return key
	}
	return key[:most] + "…"
}
