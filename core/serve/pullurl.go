package serve

import (
	"net/url"
	"strings"
)

// address gives the URL of a path below that of a remote. It is not ok for a path that is no file, or that some server might
// read as another one than it says: what is asked for must not leave the folder of the remote. The query of the remote's URL
// is not for other files.
func (t *PullThrough) address(remoteURL, path string) (address string, ok bool, err error) {
	if !plainFile(path) {
		return "", false, nil
	}
	folder := remoteURL
	if t.Folder != nil {
		if folder, err = t.Folder(remoteURL); err != nil {
			return "", false, err
		}
	}
	base := locator(folder)
	if base == nil {
		return "", false, nil
	}
	to := *base
	to.RawPath = strings.TrimSuffix(base.EscapedPath(), "/") + "/" + Escaped(path)
	to.Path = strings.TrimSuffix(base.Path, "/") + "/" + path
	return to.String(), true, nil
}

// locator reads the URL of a folder; nil for what is none.
func locator(folder string) *url.URL {
	u, err := url.Parse(folder)
	if err != nil || u.Opaque != "" || u.User != nil {
		return nil
	}
	u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
	return u
}

// mostEscaped is how often a path may be escaped over and over.
const mostEscaped = 3

// longestPath bounds the paths that are pulled, in bytes: each becomes part of a key of the database.
const longestPath = 1024

// plainFile tells whether a path names a file for every server: one that decodes it once more than it should, takes a
// backslash for a slash, or cuts parameters off a segment, must not see another path in it.
func plainFile(path string) bool {
	if path == "" || len(path) > longestPath || strings.HasSuffix(path, "/") || !CleanPath(path) {
		return false
	}
	again := path
	for round := 0; strings.Contains(again, "%"); round++ {
		decoded, err := url.PathUnescape(again)
		if err != nil || decoded == again {
			break // a percent sign that means itself
		}
		if round == mostEscaped || !CleanPath(decoded) || strings.Count(decoded, "/") != strings.Count(path, "/") {
			return false
		}
		again = decoded
	}
	for segment := range strings.SplitSeq(path, "/") {
		name, _, _ := strings.Cut(segment, ";")
		if name == "" || name == "." || name == ".." {
			return false
		}
	}
	return true
}
