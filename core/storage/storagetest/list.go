package storagetest

import (
	"slices"
	"testing"

	"github.com/packhouse/packhouse/core/storage"
)

func list(t *testing.T, s storage.Storage) {
	// In byte order; a walk that sorts folder by folder would put a/b before a-b.
	all := []string{"a-b", "a.b", "a/b-c/d", "a/b.c", "a/b/c", "a0", "b/a", "upload/x", "z"}
	for _, key := range slices.Backward(all) {
		put(t, s, key, key)
	}
	for prefix, from := range map[string][]string{
		"": all, "a": all[:6], "a/": all[2:5], "a/b": all[2:5], "a/b/": {"a/b/c"}, "a/b/c": {"a/b/c"}, "a/b-": {"a/b-c/d"},
		"b": {"b/a"}, "upl": {"upload/x"}, "nothing": {}, "a/b/c/d": {}, "nothing/at/all": {},
	} {
		if got := keys(t, s, prefix); !slices.Equal(got, from) {
			t.Errorf("List(%q) = %q, want %q", prefix, got, from)
		}
	}
	for info, err := range s.List(t.Context(), "a/b/") {
		if err != nil || info.Size != 5 || info.ModTime.IsZero() {
			t.Errorf("List gives %+v, %v", info, err)
		}
	}
}

func listStops(t *testing.T, s storage.Storage) {
	for _, key := range []string{"a/1", "a/2", "b/1"} {
		put(t, s, key, "x")
	}
	seen := 0
	for _, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		break
	}
	if seen != 1 {
		t.Errorf("saw %d", seen)
	}
}
