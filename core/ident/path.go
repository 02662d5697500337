package ident

import (
	"strings"
	"unicode"
)

// CleanPath tells whether path is a canonical relative path: no leading or trailing slash, no empty, "." or ".."
// segment, no control or white-space character, no "?", "#" or backslash, at most 4,096 bytes. Such a path means the
// same thing in a URL, in a storage key and in a file system.
func CleanPath(path string) bool {
	if path == "" || len(path) > 4096 {
		return false
	}
	for _, r := range path {
		if r == unicode.ReplacementChar || r == '?' || r == '#' || r == '\\' || unicode.IsSpace(r) || unicode.IsControl(r) {
			return false
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}
