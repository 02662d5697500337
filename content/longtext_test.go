package content

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/serve"
)

// TestListingsThatNobodyTakesAreBounded: a client that asks for a very long listing and does not read it has a share of the
// memory until it is gone; whoever is too many is told so, and short listings need none.
func TestListingsThatNobodyTakesAreBounded(t *testing.T) {
	t.Parallel()
	const most = 16 << 20
	s := start(t, nil, func(o *Options) { o.texts = most })
	name := strings.Repeat("n", 2000)
	long := &serve.Listing{}
	for i := range 3250 {
		long.Entries = append(long.Entries, serve.Entry{Name: strconv.Itoa(i) + name})
	}
	s.offers["long/"] = serve.Result{Listing: long}
	s.offers["short/"] = serve.Result{Listing: someListing()}
	text, err := plain(prefix+"long/", true, long)
	if err != nil || 2*len(text) < most {
		t.Fatal(err, len(text))
	}
	idle := s.send("GET " + prefix + "long/ HTTP/1.1\r\nHost: x\r\n\r\n")
	first, err := http.ReadResponse(bufio.NewReader(idle), nil)
	if err != nil || first.StatusCode != 200 || first.ContentLength != int64(len(text)) || first.Header.Get("Content-Security-Policy") != "default-src 'none'" {
		t.Fatalf("%v %v", first, err)
	}
	for _, accept := range []string{"*/*", "application/json"} {
		a := s.ask("GET", prefix+"long/", headers{"Accept": accept})
		if a.StatusCode != 503 || !strings.Contains(string(a.body), "try again") || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Security-Policy") != "" {
			t.Errorf("%s: one more is answered %d %v %.100q", accept, a.StatusCode, a.Header, a.body)
		}
	}
	if a := s.ask("HEAD", prefix+"long/", nil); a.StatusCode != 200 || a.ContentLength != int64(len(text)) {
		t.Errorf("HEAD is %d %v", a.StatusCode, a.Header)
	}
	if a := s.ask("GET", prefix+"short/", nil); a.StatusCode != 200 {
		t.Errorf("a short one is %d", a.StatusCode)
	}
	_ = idle.Close()
	if line := s.awaitAccess(prefix + "long/"); line["broken_off"] == nil && line["status"] == int64(200) && line["bytes"] != int64(0) {
		t.Errorf("it was logged as %v", line)
	}
	for range 2 { // what the first has taken is given back
		var a *answer
		for a = s.ask("GET", prefix+"long/", nil); a.StatusCode == 503 && t.Context().Err() == nil; {
			a = s.ask("GET", prefix+"long/", nil)
		}
		if a.StatusCode != 200 || string(a.body) != string(text) || a.ContentLength != int64(len(text)) || a.Header.Get("Content-Type") != "text/html" {
			t.Errorf("after it has gone: %d %v, %d bytes, %v", a.StatusCode, a.Header, len(a.body), a.broken)
		}
	}
}
