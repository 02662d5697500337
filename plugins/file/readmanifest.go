package file

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// line is one file of a manifest.
type line struct {
	path   string
	sha256 string
	size   int64
}

// longestLine bounds one line of a manifest, in bytes.
const longestLine = 64 << 10

// readManifest gives the files of a PULP_MANIFEST: a line "relative_path,sha256,size" each, split from the right because
// paths may have commas. Blank lines, lines that begin with # and a byte order mark at the beginning are passed over; any
// other line is an error that names its number. It needs the memory of one line.
func readManifest(r io.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		in := bufio.NewScanner(r)
		in.Buffer(make([]byte, 4096), longestLine)
		n := 0
		for in.Scan() && in.Err() == nil { // what comes before an error is a piece of a line
			n++
			text := in.Bytes()
			if n == 1 {
				text = bytes.TrimPrefix(text, []byte("\ufeff"))
			}
			text = bytes.TrimSpace(text)
			if len(text) == 0 || text[0] == '#' {
				continue
			}
			l, err := parseLine(string(text))
			if err != nil {
				err = badLine(n, string(text), err)
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
		err := in.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = badLine(n+1, "", errs.New(errs.Invalid, "it is longer than %d bytes", longestLine))
		}
		if err != nil {
			yield(line{}, err)
		}
	}
}

// badLine tells where a manifest is wrong, and shows the beginning of the line.
func badLine(n int, text string, cause error) error {
	const shown = 100
	if len(text) > shown {
		text = text[:shown] + "…"
	}
	return errs.New(errs.Invalid, "line %d of the manifest, %q, cannot be used: %s; ask the owner of the upstream to mend it, nothing was changed", n, text, cause)
}

func parseLine(text string) (line, error) {
	last := strings.LastIndexByte(text, ',')
	middle := strings.LastIndexByte(text[:max(last, 0)], ',')
	if middle < 0 {
		return line{}, errs.New(errs.Invalid, "it is not relative_path,sha256,size")
	}
	l := line{path: text[:middle], sha256: strings.ToLower(text[middle+1 : last])}
	// Wider than what an upload may be called, because upstreams have files with spaces; but nothing that could lead
	// anywhere else than below the distribution.
	if !serve.CleanPath(l.path) || l.path == "" || strings.HasSuffix(l.path, "/") {
		return l, errs.New(errs.Invalid, "the path must be relative, without empty or dotted segments, backslashes and control characters")
	}
	if !artifact.SHA256.Valid(l.sha256) {
		return l, errs.New(errs.Invalid, "the second part is no SHA-256")
	}
	size, err := strconv.ParseUint(text[last+1:], 10, 63)
	if err != nil {
		return l, errs.New(errs.Invalid, "the third part is no size in bytes")
	}
	l.size = int64(size)
	return l, nil
}

// folder is where the files of a manifest lie: beside it.
func folder(manifest string) (string, error) {
	u, err := url.Parse(manifest)
	if err != nil {
		return "", errs.New(errs.Invalid, "the URL of the manifest cannot be read; correct it: %w", err)
	}
	u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
	u.RawPath = u.EscapedPath()
	u.RawPath = "/" + strings.TrimPrefix(u.RawPath[:strings.LastIndexByte(u.RawPath, '/')+1], "/")
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return "", errs.New(errs.Invalid, "the URL of the manifest cannot be read; correct it: %w", err)
	}
	return u.String(), nil
}

// escaped is a path as a URL has it.
func escaped(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}
