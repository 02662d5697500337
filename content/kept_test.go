package content

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnlyTheFileItselfIsKept: bytes that have another digest than the artifact are found out when they are read.
func TestOnlyTheFileItselfIsKept(t *testing.T) {
	t.Parallel()
	s := start(t, nil, func(o *Options) { o.Memory = 1 << 20 })
	a := s.add("f", "right")
	s.remember()
	if err := os.WriteFile(filepath.Join(s.dir, a.File), []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.ask("GET", prefix+"f", nil)
	for range 2 {
		if got := s.ask("GET", prefix+"f", nil); got.StatusCode != 500 || strings.Contains(string(got.body), "wrong") {
			t.Errorf("%d %q", got.StatusCode, got.body)
		}
	}
}

// TestKeptFilesHaveTheirRoom: what is large, and what there is no room for, is served all the same.
func TestKeptFilesHaveTheirRoom(t *testing.T) {
	t.Parallel()
	s := start(t, nil, func(o *Options) { o.Memory = 100 })
	s.add("small", strings.Repeat("s", 60))
	s.add("other", strings.Repeat("o", 60))
	s.add("large", strings.Repeat("l", mostKept+1))
	s.remember()
	for _, path := range []string{"small", "other", "large"} {
		for range 3 {
			if got := s.ask("GET", prefix+path, nil); got.StatusCode != 200 || got.ContentLength != int64(len(got.body)) || got.body[0] != path[0] {
				t.Errorf("%s: %d with %d bytes", path, got.StatusCode, len(got.body))
			}
		}
		if _, is := s.offers[path].Slot.Kept().(*kept); is != (path == "small") {
			t.Errorf("%s is in memory: %v", path, is)
		}
	}
}
