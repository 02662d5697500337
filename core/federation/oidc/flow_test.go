package oidc

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{"": "/", "/": "/", "/a/?b=c#d": "/a/?b=c#d", "/%2f%2fx": "/%2f%2fx"} {
		if got, err := localPath(next); got != want || err != nil {
			t.Errorf("%q gives %q, %v", next, got, err)
		}
	}
	for _, next := range []string{"//evil.example.org", "/\\evil.example.org", "\\\\evil", "https://evil.example.org", "javascript:alert(1)", "a", "/\t/evil", "/\n", " /x", "/\x00", "/" + strings.Repeat("x", 2000), "/%zz", "/\xff"} {
		if got, err := localPath(next); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q gives %q, %v", next, got, err)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, next := range []string{"/a", "//b", "/\\b", "/;@b", "http:b"} {
		f.Add(next)
	}
	base := &url.URL{Scheme: "https", Host: "packages.example.org"}
	f.Fuzz(func(t *testing.T, next string) {
		got, err := localPath(next)
		if err != nil {
			return
		}
		there, err := base.Parse(got)
		if err != nil || there.Host != base.Host || there.Scheme != base.Scheme || strings.ContainsAny(got, "\\\r\n\t") || strings.HasPrefix(got, "//") {
			t.Fatalf("%q leads to %v, %v", next, there, err)
		}
	})
}

func FuzzFlowCookie(f *testing.F) {
	s, now := newSealer("secret"), time.Unix(1e9, 0)
	good, err := s.seal(flow{Provider: "corp", State: "s", Ends: now.Add(time.Minute)})
	if err != nil {
		f.Fatal(err)
	}
	foreign, err := newSealer("another").seal(flow{Provider: "corp", State: "s", Ends: now.Add(time.Minute)})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.open(good, "corp", now); err != nil {
		f.Fatal(err)
	}
	for _, cookie := range []string{foreign, "", "AAAA", good + "A", "=" + good} {
		f.Add(cookie)
	}
	f.Fuzz(func(t *testing.T, cookie string) {
		if got, err := s.open(cookie, "corp", now); err == nil && strings.NewReplacer("\r", "", "\n", "").Replace(cookie) != good { // the decoder skips ends of lines
			t.Fatalf("%q was opened: %+v", cookie, got)
		}
	})
}
