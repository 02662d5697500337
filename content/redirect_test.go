package content

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

func TestRedirectToTheStorage(t *testing.T) {
	t.Parallel()
	store := &signing{remote: newRemote()}
	s := start(t, store, func(o *Options) { o.RedirectToObjectStorage = true })
	a := s.add("dir/x y.rpm", "rpm")
	for _, method := range []string{"GET", "HEAD"} {
		got := s.ask(method, prefix+"dir/x%20y.rpm", headers{"If-None-Match": etagOf("rpm"), "Range": "bytes=0-1"})
		if got.StatusCode != 302 || got.Header.Get("Location") != "https://bucket.example/"+a.File+"?signature=x" || got.Header.Get("Cache-Control") != "no-store" || len(got.body) != 0 {
			t.Errorf("%s is %d %v %q", method, got.StatusCode, got.Header, got.body)
		}
	}
	asked := func(method string) storage.SignOptions {
		return storage.SignOptions{Method: method, TTL: time.Hour, ContentType: "application/x-rpm", Filename: "x y.rpm"}
	}
	if want := []storage.SignOptions{asked("GET"), asked("HEAD")}; !reflect.DeepEqual(store.asked, want) {
		t.Errorf("the storage signed %+v, want %+v", store.asked, want)
	}
	store.err = errs.New(errs.Unavailable, "away")
	if got := s.ask("GET", prefix+"dir/x%20y.rpm", nil); got.StatusCode != 503 {
		t.Errorf("without the storage it is %d", got.StatusCode)
	}
}

// TestNoRedirectWhenSwitchedOff: the same storage is then read through us.
func TestNoRedirectWhenSwitchedOff(t *testing.T) {
	t.Parallel()
	store := &signing{remote: newRemote()}
	s := start(t, store, nil)
	s.add("f", "text")
	if got := s.ask("GET", prefix+"f", nil); got.StatusCode != 200 || string(got.body) != "text" || len(store.asked) != 0 {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

// TestLinksAreGivenAgain for half of their time, so that whoever gets one can use it for the other half.
func TestLinksAreGivenAgain(t *testing.T) {
	t.Parallel()
	bucket := &signing{remote: newRemote()}
	s := start(t, bucket, func(o *Options) { o.RedirectToObjectStorage = true })
	s.add("f", "f")
	s.remember()
	for range 3 {
		for _, method := range []string{"GET", "HEAD"} {
			if a := s.ask(method, prefix+"f", nil); a.StatusCode != 302 || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %q", method, a.StatusCode, a.Header)
			}
		}
	}
	if len(bucket.asked) != 2 || bucket.asked[0].TTL != 2*linkReuse {
		t.Fatalf("%d links were signed: %+v", len(bucket.asked), bucket.asked)
	}
	old := s.offers["f"].Slot.Kept().(*links)
	old.get.Store(&link{url: "https://bucket.example/old", until: time.Now()})
	if a := s.ask("GET", prefix+"f", nil); strings.HasSuffix(a.Header.Get("Location"), "/old") || len(bucket.asked) != 3 {
		t.Errorf("a link is given beyond its time: %s", a.Header.Get("Location"))
	}
}
