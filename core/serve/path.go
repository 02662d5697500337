package serve

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxPath is the longest path in bytes that is looked up.
const MaxPath = 4096

// CleanPath tells whether a decoded path can name something: valid UTF-8 without a leading slash, empty, "." or ".."
// segments, backslashes or control characters, at most MaxPath bytes. One slash at the end is allowed, and so is the
// empty path, which is the root.
func CleanPath(path string) bool {
	if path == "" {
		return true
	}
	if len(path) > MaxPath || !utf8.ValidString(path) || strings.ContainsFunc(path, forbidden) {
		return false
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

func forbidden(r rune) bool { return r == '\\' || unicode.IsControl(r) }

// prefixes gives the directory prefixes of a path, itself included, without slashes at the end.
func prefixes(path string) []string {
	path = strings.TrimSuffix(path, "/")
	var all []string
	for i := range len(path) {
		if path[i] == '/' {
			all = append(all, path[:i])
		}
	}
	return append(all, path)
}

// after gives the first key, in bytewise order, behind everything below a folder; the folder ends in a slash or is
// the root, behind which there is nothing ("").
func after(folder string) string {
	if folder == "" {
		return ""
	}
	return folder[:len(folder)-1] + "0" // "0" is the byte that follows "/"
}
