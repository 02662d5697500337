package content

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/serve"
)

// digits is the file that the table is about: its bytes tell their place.
const digits = "0123456789abcdefghijklmnopqrstuvwxyz"

// headers are header fields; an empty value means that the field must not be there.
type headers = map[string]string

type literal struct {
	name    string
	method  string // GET when empty
	path    string // digits.txt when empty
	send    headers
	status  int
	want    headers
	body    string
	anyBody bool
}

func literals() []literal {
	const (
		early = "Fri, 02 Jan 2026 03:04:04 GMT"
		exact = "Fri, 02 Jan 2026 03:04:05 GMT"
		late  = "Fri, 02 Jan 2026 03:04:06 GMT"
	)
	tag := etagOf(digits)
	sum := sha256.Sum256([]byte(digits))
	all := headers{
		"Content-Type": "text/plain", "Content-Length": "36", "ETag": tag, "Last-Modified": exact, "Accept-Ranges": "bytes",
		"X-Pulp-Artifact-Size": "36", "X-Content-Type-Options": "nosniff", "Repr-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":",
		"Content-Encoding": "", "Content-Range": "", "Cache-Control": "", "Transfer-Encoding": "", "Content-Security-Policy": "",
	}
	part := func(of, length string) headers {
		return headers{"Content-Range": "bytes " + of + "/36", "Content-Length": length, "Content-Type": "text/plain", "ETag": tag, "X-Pulp-Artifact-Size": "36"}
	}
	validOnly := headers{"ETag": tag, "Last-Modified": exact, "Content-Type": "", "Content-Length": "", "X-Pulp-Artifact-Size": ""}
	return []literal{
		{name: "whole", status: 200, want: all, body: digits},
		{name: "head", method: "HEAD", status: 200, want: all},
		{name: "query is ignored", path: "digits.txt?a=../b%zz", status: 200, body: digits},
		{name: "empty file", path: "empty", status: 200, want: headers{"Content-Length": "0", "Content-Type": octetStream, "X-Pulp-Artifact-Size": "0"}},
		{name: "head of empty file", method: "HEAD", path: "empty", status: 200, want: headers{"Content-Length": "0"}},
		{name: "compressed is not encoded", path: "a.tar.GZ", status: 200, want: headers{"Content-Type": "application/gzip", "Content-Encoding": ""}, body: "gz"},
		{name: "scripts are fenced in", path: "page.html", status: 200, want: headers{"Content-Security-Policy": "sandbox allow-downloads allow-popups allow-scripts"}, body: "<script>"},
		{name: "odd name", path: "a%20b%2B%25%C3%BC", status: 200, body: "odd"},

		{name: "range", send: headers{"Range": "bytes=10-12"}, status: 206, want: part("10-12", "3"), body: "abc"},
		{name: "range to the end", send: headers{"Range": "bytes=34-"}, status: 206, want: part("34-35", "2"), body: "yz"},
		{name: "range beyond the end", send: headers{"Range": "bytes=34-99999999999999999999999"}, status: 206, want: part("34-35", "2"), body: "yz"},
		{name: "suffix", send: headers{"Range": "bytes=-3"}, status: 206, want: part("33-35", "3"), body: "xyz"},
		{name: "long suffix", send: headers{"Range": "bytes=-100"}, status: 206, want: part("0-35", "36"), body: digits},
		{name: "unit in capitals", send: headers{"Range": "Bytes=0-0"}, status: 206, body: "0"},
		{name: "range of head", method: "HEAD", send: headers{"Range": "bytes=10-12"}, status: 200, want: all},
		{name: "start at the end", send: headers{"Range": "bytes=36-"}, status: 416, want: headers{"Content-Range": "bytes */36", "ETag": tag}, anyBody: true},
		{name: "empty suffix", send: headers{"Range": "bytes=-0"}, status: 416, want: headers{"Content-Range": "bytes */36"}, anyBody: true},
		{name: "range of empty file", path: "empty", send: headers{"Range": "bytes=0-"}, status: 416, want: headers{"Content-Range": "bytes */0"}, anyBody: true},
		{name: "suffix of empty file", path: "empty", send: headers{"Range": "bytes=-5"}, status: 200, want: headers{"Content-Length": "0"}},
		{name: "backwards", send: headers{"Range": "bytes=5-4"}, status: 200, body: digits},
		{name: "no numbers", send: headers{"Range": "bytes=a-b"}, status: 200, body: digits},
		{name: "signs", send: headers{"Range": "bytes=+1-+2"}, status: 200, body: digits},
		{name: "nothing", send: headers{"Range": "bytes="}, status: 200, body: digits},
		{name: "other unit", send: headers{"Range": "lines=1-2"}, status: 200, body: digits},
		{name: "overlapping ranges", send: headers{"Range": "bytes=0-,0-,0-"}, status: 200, want: all, body: digits},
		{name: "one of two exists", send: headers{"Range": "bytes=1-2, 99-"}, status: 206, want: part("1-2", "2"), body: "12"},
		{name: "none of two exists", send: headers{"Range": "bytes=98-, 99-"}, status: 416, anyBody: true},
		{name: "too many ranges", send: headers{"Range": "bytes=" + strings.Repeat("0-0,", maxRanges) + "1-1"}, status: 200, body: digits},

		{name: "if-range tag", send: headers{"Range": "bytes=0-1", "If-Range": tag}, status: 206, body: "01"},
		{name: "if-range weak tag", send: headers{"Range": "bytes=0-1", "If-Range": "W/" + tag}, status: 200, body: digits},
		{name: "if-range other tag", send: headers{"Range": "bytes=0-1", "If-Range": `"x"`}, status: 200, body: digits},
		{name: "if-range date", send: headers{"Range": "bytes=0-1", "If-Range": exact}, status: 206, body: "01"},
		{name: "if-range later date", send: headers{"Range": "bytes=0-1", "If-Range": late}, status: 200, body: digits},
		{name: "if-range nonsense", send: headers{"Range": "bytes=0-1", "If-Range": "soon"}, status: 200, body: digits},
		{name: "if-range other tag, no such range", send: headers{"Range": "bytes=99-", "If-Range": `"x"`}, status: 200, body: digits},

		{name: "none-match", send: headers{"If-None-Match": tag}, status: 304, want: validOnly},
		{name: "none-match of head", method: "HEAD", send: headers{"If-None-Match": tag}, status: 304, want: validOnly},
		{name: "none-match weak", send: headers{"If-None-Match": `"x", W/` + tag}, status: 304},
		{name: "none-match comma in a tag", send: headers{"If-None-Match": `"a,b" , ` + tag}, status: 304},
		{name: "none-match star", send: headers{"If-None-Match": "*"}, status: 304},
		{name: "none-match other", send: headers{"If-None-Match": `"x"`}, status: 200, body: digits},
		{name: "none-match beats date", send: headers{"If-None-Match": `"x"`, "If-Modified-Since": late}, status: 200, body: digits},
		{name: "none-match without quotes", send: headers{"If-None-Match": strings.Trim(tag, `"`)}, status: 200, body: digits},
		{name: "none-match beats range", send: headers{"If-None-Match": tag, "Range": "bytes=0-1"}, status: 304},
		{name: "modified-since exact", send: headers{"If-Modified-Since": exact}, status: 304},
		{name: "modified-since late", send: headers{"If-Modified-Since": late}, status: 200, body: digits},
		{name: "modified-since early", send: headers{"If-Modified-Since": early}, status: 200, body: digits},
		{name: "modified-since nonsense", send: headers{"If-Modified-Since": "yesterday"}, status: 200, body: digits},
		{name: "match", send: headers{"If-Match": tag}, status: 200, body: digits},
		{name: "match star", send: headers{"If-Match": "*"}, status: 200, body: digits},
		{name: "match weak", send: headers{"If-Match": "W/" + tag}, status: 412, want: headers{"ETag": tag}, anyBody: true},
		{name: "match other", send: headers{"If-Match": `"x"`}, status: 412, anyBody: true},
		{name: "match beats date", send: headers{"If-Match": tag, "If-Unmodified-Since": early}, status: 200, body: digits},
		{name: "match fails before none-match", send: headers{"If-Match": `"x"`, "If-None-Match": tag}, status: 412, anyBody: true},
		{name: "match and none-match", send: headers{"If-Match": tag, "If-None-Match": tag}, status: 304},
		{name: "unmodified-since early", send: headers{"If-Unmodified-Since": early}, status: 412, anyBody: true},
		{name: "unmodified-since exact", send: headers{"If-Unmodified-Since": exact}, status: 200, body: digits},
		{name: "unmodified-since nonsense", send: headers{"If-Unmodified-Since": "x"}, status: 200, body: digits},

		{name: "post", method: "POST", status: 405, want: headers{"Allow": "GET, HEAD"}, anyBody: true},
		{name: "options", method: "OPTIONS", status: 405, want: headers{"Allow": "GET, HEAD"}, anyBody: true},
		{name: "delete of nothing", method: "DELETE", path: "none", status: 405, want: headers{"Allow": "GET, HEAD"}, anyBody: true},
		{name: "not found", path: "none", status: 404, want: headers{"Content-Type": plainText, "ETag": ""}, body: "there is nothing under this path\n"},
		{name: "not found of head", method: "HEAD", path: "none", status: 404, want: headers{"Content-Type": plainText}},
		{name: "guarded", path: "guarded", status: 403, body: "the guard says no\n"},
		{name: "database away", path: "away", status: 503, body: "the database is away, try again in a moment\n"},
		{name: "unknown fault", path: "foreign", status: 500, body: "the server could not answer; its log says why\n"},
		{name: "panic", path: "panic", status: 500, body: "the server could not answer; its log says why\n"},
		{name: "folder without slash", path: "dir%20%C3%BC/%25", status: 301, want: headers{"Location": prefix + "dir%20%C3%BC/%25/"}, anyBody: true},
		{name: "folder without slash, query", path: "dir%20%C3%BC/%25?x=1", status: 301, want: headers{"Location": prefix + "dir%20%C3%BC/%25/"}, anyBody: true},
	}
}

func etagOf(text string) string { return fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(text))) }

// TestAnswers runs the table on a storage with files and on one that can only be streamed, and on both with files that are
// kept in memory, where the third answer is the first that comes from there.
func TestAnswers(t *testing.T) {
	t.Parallel()
	keeping := func(o *Options) { o.Memory = 1 << 20 }
	for name, s := range map[string]*site{
		"files": start(t, nil, nil), "stream": start(t, newRemote(), nil),
		"kept files": start(t, nil, keeping), "kept stream": start(t, newRemote(), keeping),
	} {
		s.add("digits.txt", digits)
		s.add("empty", "")
		s.add("a.tar.GZ", "gz")
		s.add("page.html", "<script>")
		s.add("a b+%ü", "odd")
		s.offers["dir ü/%"] = serve.Result{AddSlash: true}
		s.remember()
		t.Run(name, func(t *testing.T) {
			for _, l := range literals() {
				t.Run(l.name, func(t *testing.T) {
					for range 3 {
						l.check(t, s)
					}
				})
			}
			if _, is := s.offers["digits.txt"].Slot.Kept().(*kept); is != strings.HasPrefix(name, "kept") {
				t.Errorf("in memory: %v", is)
			}
		})
	}
}

func (l literal) check(t *testing.T, s *site) {
	method, path := l.method, l.path
	if method == "" {
		method = http.MethodGet
	}
	if path == "" {
		path = "digits.txt"
	}
	a := s.ask(method, prefix+path, l.send)
	if a.StatusCode != l.status || a.broken != nil {
		t.Errorf("the status is %d (%v), want %d", a.StatusCode, a.broken, l.status)
	}
	for name, want := range l.want {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !l.anyBody && string(a.body) != l.body {
		t.Errorf("the body is %q, want %q", a.body, l.body)
	}
	if length := a.Header.Get("Content-Length"); method == http.MethodGet && length != "" && length != strconv.Itoa(len(a.body)) {
		t.Errorf("Content-Length is %s, the body has %d bytes", length, len(a.body))
	}
}

// TestReasonPhrase: clients show the phrase and drop the body.
func TestReasonPhrase(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	if got := s.ask("GET", prefix+"guarded", nil).Status; got != "403 the guard says no" {
		t.Errorf("the status is %q", got)
	}
}

// TestPrefix: the bare prefix leads to the root, everything else is not ours.
func TestPrefix(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.offers[""] = serve.Result{Listing: &serve.Listing{}}
	for path, want := range map[string]string{
		"/pulp/content":        "301 " + prefix,
		"/pulp/content?x":      "301 " + prefix,
		prefix:                 "200 ",
		"/":                    "404 ",
		"/pulp/contents/x":     "404 ",
		"/PULP/content/":       "404 ",
		"/pulp/content/none":   "404 ",
		"//evil.example/x":     "404 ",
		"/pulp/content//x":     "404 ",
		"/pulp/%63ontent/none": "404 ",
	} {
		a := s.ask("GET", path, nil)
		if got := fmt.Sprintf("%d %s", a.StatusCode, a.Header.Get("Location")); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}
