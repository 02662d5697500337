package storagetest

import (
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

func roundTrip(t *testing.T, s storage.Storage) {
	const key, content = "artifact/ab/cdef", "hello, packhouse"
	put(t, s, key, content)
	if got := get(t, s, key, 0, -1); got != content {
		t.Errorf("got %q, want %q", got, content)
	}
	info, err := s.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if info.Key != key || info.Size != int64(len(content)) {
		t.Errorf("Stat = %+v", info)
	}
	if age := time.Since(info.ModTime); age > time.Hour || age < -time.Hour {
		t.Errorf("ModTime %s is not now", info.ModTime)
	}
}

func emptyBlob(t *testing.T, s storage.Storage) {
	put(t, s, "empty", "")
	for _, length := range []int64{-1, 0, 5} {
		if got := get(t, s, "empty", 0, length); got != "" {
			t.Errorf("length %d: got %q", length, got)
		}
	}
	info, err := s.Stat(t.Context(), "empty")
	if err != nil || info.Size != 0 {
		t.Errorf("Stat = %+v, %v", info, err)
	}
	_, err = s.Open(t.Context(), "empty", 1, -1)
	want(t, "offset in an empty blob", err, errs.Range)
}

func ranges(t *testing.T, s storage.Storage) {
	const content = "0123456789"
	put(t, s, "digits", content)
	for _, c := range []struct {
		offset, length int64
		want           string
	}{
		{0, -1, content}, {0, 10, content}, {0, 100, content}, {0, 0, ""}, {0, 1, "0"}, {3, -1, "3456789"},
		{3, 4, "3456"}, {3, 0, ""}, {9, -1, "9"}, {9, 1, "9"}, {9, 5, "9"}, {5, 1 << 40, "56789"},
	} {
		if got := get(t, s, "digits", c.offset, c.length); got != c.want {
			t.Errorf("Open(%d, %d) = %q, want %q", c.offset, c.length, got, c.want)
		}
	}
}

func invalidRanges(t *testing.T, s storage.Storage) {
	put(t, s, "digits", "0123456789")
	for _, c := range []struct {
		offset, length int64
		kind           errs.Kind
	}{
		{10, -1, errs.Range}, {10, 0, errs.Range}, {10, 1, errs.Range}, {1 << 40, 1, errs.Range},
		{-1, 1, errs.Invalid}, {0, -2, errs.Invalid},
	} {
		r, err := s.Open(t.Context(), "digits", c.offset, c.length)
		if err == nil {
			closed(t, r)
		}
		want(t, "a span outside the blob", err, c.kind)
	}
}

func missingKey(t *testing.T, s storage.Storage) {
	put(t, s, "there/is", "one")
	for _, key := range []string{"nothing", "there", "there/is/not", "there/isn't"} {
		_, err := s.Open(t.Context(), key, 0, -1)
		want(t, "Open "+key, err, errs.NotFound)
		_, err = s.Open(t.Context(), key, 5, 5)
		want(t, "Open a range of "+key, err, errs.NotFound)
		_, err = s.Open(t.Context(), key, 0, 0)
		want(t, "Open nothing of "+key, err, errs.NotFound)
		_, err = s.Stat(t.Context(), key)
		want(t, "Stat "+key, err, errs.NotFound)
		want(t, "Delete "+key, s.Delete(t.Context(), key), "")
	}
	if got := get(t, s, "there/is", 0, -1); got != "one" {
		t.Errorf("a delete of other keys left %q", got)
	}
}

// bad are keys that no storage may take.
func bad() []string {
	return []string{
		"", ".", "..", "/", "/etc/passwd", "a/", "/a", "a//b", "a/./b", "a/../b", "../a", "a/..", "./a",
		`a\b`, `..\a`, "a\x00b", "a\nb", "a\x7fb", "a\xffb", "tmp", "tmp/a",
		strings.Repeat("a/", 512) + "b", strings.Repeat("a", 256),
	}
}

func badKeys(t *testing.T, s storage.Storage) {
	for _, key := range bad() {
		_, err := storage.Put(t.Context(), s, key, strings.NewReader("x"))
		want(t, "Put "+key, err, errs.Invalid)
		want(t, "Commit "+key, commit(t, s, key), errs.Invalid)
		_, err = s.Open(t.Context(), key, 0, -1)
		want(t, "Open "+key, err, errs.Invalid)
		_, err = s.Stat(t.Context(), key)
		want(t, "Stat "+key, err, errs.Invalid)
		want(t, "Delete "+key, s.Delete(t.Context(), key), errs.Invalid)
	}
	for _, prefix := range []string{"/", "../", "a//", "a/../", "a\x00", "tmp/"} {
		for _, err := range s.List(t.Context(), prefix) {
			want(t, "List "+prefix, err, errs.Invalid)
		}
	}
	holdsNothing(t, s)
}

// oddKeys are names like any other: nothing in them is decoded, cut or joined.
func oddKeys(t *testing.T, s storage.Storage) {
	odd := []string{
		"%2e%2e/a", "%2e%2e%2fb", "a%00b", "a+b c", "a?b=c&d#e", "...", "..a/b", ".hidden", "tmp2/a", "ümlaut/日本", "~/-x",
		strings.Repeat("long/", 120) + "key", strings.Repeat("s", 255),
	}
	for _, key := range odd {
		put(t, s, key, "content of "+key)
	}
	for _, key := range odd {
		if got := get(t, s, key, 0, -1); got != "content of "+key {
			t.Errorf("%q holds %q", key, got)
		}
	}
	if found := keys(t, s, ""); len(found) != len(odd) {
		t.Errorf("List gives %q, want %q in order", found, odd)
	}
	for _, key := range odd {
		want(t, "Delete "+key, s.Delete(t.Context(), key), "")
	}
	holdsNothing(t, s)
}
