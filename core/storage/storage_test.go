package storage_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

func TestValidKeyTakes(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"a", "a/b", "artifact/ab/cdef", "...", "..a", "%2e%2e", "tmpx/a", "a/tmp/b", "ü/日本", strings.Repeat("a/", 511) + "ab"} {
		if err := storage.ValidKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// Whatever a valid key is made of, it stays below the root and means the same everywhere.
func TestValidKeyStaysBelowRoot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`([.]{0,3}|tmp|a|/|\\|\x00|[^/]){0,12}`).Draw(t, "key")
		err := storage.ValidKey(key)
		if err != nil && !errs.Is(err, errs.Invalid) {
			t.Fatalf("kind %s", errs.KindOf(err))
		}
		padded := "/" + key + "/"
		bad := key == "" || strings.ContainsAny(key, "\x00\\") || strings.Contains(padded, "//") || strings.Contains(padded, "/./") ||
			strings.Contains(padded, "/../") || strings.HasPrefix(padded, "/tmp/")
		if bad && err == nil {
			t.Fatalf("%q is taken", key)
		}
	})
}

// A prefix is valid exactly when some valid key can start with it.
func TestValidPrefixOfEveryKey(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`[a-c.]{1,4}(/[a-c.]{1,4}){0,3}`).Filter(func(k string) bool { return storage.ValidKey(k) == nil }).Draw(t, "key")
		for n := range len(key) {
			if err := storage.ValidPrefix(key[:n]); err != nil {
				t.Fatalf("prefix %q of the key %q: %v", key[:n], key, err)
			}
		}
	})
}

func TestSpan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		content := strings.Repeat("x", rapid.IntRange(0, 20).Draw(t, "size"))
		offset, length := rapid.Int64Range(0, 25).Draw(t, "offset"), rapid.Int64Range(-1, 25).Draw(t, "length")
		n, err := storage.Span("key", int64(len(content)), offset, length)
		if offset > 0 && offset >= int64(len(content)) {
			if !errs.Is(err, errs.Range) {
				t.Fatalf("got %v, want errs.Range", err)
			}
			return
		}
		want := int64(len(content[offset:]))
		if length >= 0 {
			want = min(want, length)
		}
		if n != want || err != nil {
			t.Fatalf("got %d, %v, want %d", n, err, want)
		}
	})
}
