package content

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// TestPathAttacks sends request lines as they are, past every client that would tidy them up. The finder knows a file
// at each place that a mistake could lead to.
func TestPathAttacks(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	for _, path := range []string{"a", "b", "a/b", "../b", "a/../b", "a//b", "./b", "a\\b", "a\x00", "%2e%2e/b", "a%2fb", "etc/passwd", "..", "."} {
		s.add(path, "found "+path)
	}
	for path, want := range map[string]string{
		"a/b":                       "200 found a/b",
		"%61/%62":                   "200 found a/b",
		"a%252fb":                   "200 found a%2fb", // decoded once: the name has a percent sign
		"%252e%252e/b":              "200 found %2e%2e/b",
		"..%2fb":                    "404",
		"../b":                      "404",
		"a/../b":                    "404",
		"a/%2e%2e/b":                "404",
		"a/%2E%2e/b":                "404",
		"a/.%2e/b":                  "404",
		"./b":                       "404",
		"a//b":                      "404",
		"a///":                      "404",
		"a%2fb":                     "404",
		"a%2Fb":                     "404",
		"a%5cb":                     "404",
		"a\\b":                      "404",
		"a%00":                      "404",
		"a%0d%0aSet-Cookie:x":       "404",
		"a%7f":                      "404",
		"a%ff":                      "404",
		"%c0%ae%c0%ae/b":            "404",
		"/etc/passwd":               "404",
		"%2fetc/passwd":             "404",
		"..":                        "404",
		".":                         "404",
		strings.Repeat("a", 4096):   "404",
		strings.Repeat("a", 4097):   "414",
		strings.Repeat("a/", 2500):  "414",
		strings.Repeat("%61", 4097): "414",
		"a%":                        "400",
		"a%zz":                      "400",
		"a%2":                       "400",
		"%u0061":                    "400",
	} {
		if got := s.raw("GET " + prefix + path + " HTTP/1.1"); got != want && !strings.HasPrefix(got, want+" ") {
			t.Errorf("%.60q is %.80q, want %q", path, got, want)
		}
	}
	if got := s.raw("GET http://other.example" + prefix + "a/b HTTP/1.1"); got != "200 found a/b" {
		t.Errorf("the absolute form is %q", got)
	}
}

// raw sends one request line and gives status and body.
func (s *site) raw(line string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, line+"\r\nHost: x\r\nConnection: close\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.t.Fatalf("%.60q: %v", line, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(response.Header["Set-Cookie"]) > 0 {
		s.t.Errorf("%.60q sets a cookie", line)
	}
	return response.Status[:3] + " " + string(body)
}

// FuzzBelow: what is accepted is a clean path, means the same when it is written again, and cannot leave its host as a
// location.
func FuzzBelow(f *testing.F) {
	for _, seed := range []string{"", "a/b", "%2e%2e/", "//evil.example", "a%2fb", "%", "ü?#", "\\\\evil.example", "/%09/evil.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		path, err := below(prefix, prefix+raw)
		if err != nil {
			if kind := errs.KindOf(err); kind != errs.NotFound && kind != errs.Invalid && kind != errs.TooLarge {
				t.Fatalf("%q fails with %s", raw, kind)
			}
			return
		}
		if !serve.CleanPath(path) {
			t.Fatalf("%q became %q", raw, path)
		}
		again, err := below(prefix, prefix+serve.Escaped(path))
		if err != nil || again != path {
			t.Fatalf("%q became %q and then %q, %v", raw, path, again, err)
		}
		location, err := url.Parse(prefix + serve.Escaped(path))
		if err != nil || location.Host != "" || location.Scheme != "" || location.Path != prefix+path {
			t.Fatalf("%q leads to %v, %v", raw, location, err)
		}
	})
}
