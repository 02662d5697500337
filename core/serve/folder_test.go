package serve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/errs"
)

// TestEntriesAreTheNamesOfTheFolder compares the jumping walk with the plain one over all paths.
func TestEntriesAreTheNamesOfTheFolder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.StringOfN(rapid.RuneFrom([]rune("ab-0/é~.")), 1, 4, -1)
		paths := rapid.SliceOfN(rapid.Map(rapid.SliceOfN(segment, 1, 3), func(s []string) string { return strings.Join(s, "/") }), 0, 300).Draw(t, "paths")
		paths = slices.DeleteFunc(paths, func(p string) bool { return !CleanPath(p) || strings.HasSuffix(p, "/") })
		slices.Sort(paths)
		paths = slices.Compact(paths)
		folder := rapid.SampledFrom([]string{"", "a/", "a/b/", "-/"}).Draw(t, "folder")
		gone := map[string]bool{}
		for _, p := range paths {
			gone[p] = rapid.IntRange(0, 3).Draw(t, "gone") == 0
		}
		pages := inMemory(paths, gone, folder)
		paths = slices.DeleteFunc(paths, func(p string) bool { return gone[p] })
		if there, err := anything(folder, pages); err != nil || there != (len(plainWalk(paths, folder)) > 0) {
			t.Fatalf("folder %q of %q: there is something: %v, %v", folder, paths, there, err)
		}
		got, err := entries(context.Background(), folder, pages)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, e := range got {
			keys = append(keys, e.key())
		}
		if want := plainWalk(paths, folder); !slices.Equal(keys, want) {
			t.Fatalf("folder %q of %q: %q, want %q", folder, paths, keys, want)
		}
	})
}

func plainWalk(paths []string, folder string) []string {
	var names []string
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, folder); ok {
			if i := strings.IndexByte(rest, '/'); i >= 0 {
				rest = rest[:i+1]
			}
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func inMemory(paths []string, gone map[string]bool, folder string) pager {
	paths = slices.Clone(paths)
	return func(from string, limit int) ([]row, error) {
		var rows []row
		for _, p := range paths {
			if p >= from && strings.HasPrefix(p, folder) && len(rows) < limit {
				rows = append(rows, row{Path: p, Gone: gone[p]})
			}
		}
		return rows, nil
	}
}

// TestDeepFoldersAreJumpedOver bounds the rows that a listing reads, however many files lie below.
func TestDeepFoldersAreJumpedOver(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, dir := range []string{"a", "b", "c"} {
		for i := range 5000 {
			paths = append(paths, dir+"/"+strings.Repeat("x", i%7)+string(rune('0'+i%10))+strings.Repeat("y", i/10))
		}
	}
	slices.Sort(paths)
	read := 0
	plain := inMemory(paths, nil, "")
	got, err := entries(t.Context(), "", func(from string, limit int) ([]row, error) {
		rows, err := plain(from, limit)
		read += len(rows)
		return rows, err
	})
	if err != nil || len(got) != 3 || read > 10*smallPage {
		t.Errorf("%d names from %d rows, %v; want 3 from at most %d", len(got), read, err, 10*smallPage)
	}
}

func TestCleanPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"": true, "a": true, "a/": true, "a/b c/%2f": true, "ü/日本": true, "...": true, ".a": true,
		"/": false, "//": false, "a//b": false, "a//": false, "/a": false, ".": false, "..": false, "a/..": false, "./a": false, "a/../b": false, "a/./": false,
		"a\\b": false, "a\x00": false, "a\nb": false, "\x7f": false, "\u0085": false, "a\xff": false, strings.Repeat("a", 4096): true, strings.Repeat("a", 4097): false,
	} {
		if CleanPath(path) != want {
			t.Errorf("CleanPath(%q) is %v", path, !want)
		}
	}
}

// TestALargeListingAsks once, when it turns out to be large, and goes no further without leave.
func TestALargeListingAsks(t *testing.T) {
	t.Parallel()
	for names, want := range map[int]int{Large / 2: 0, 3 * Large: 1} {
		var paths []string
		for i := range names {
			paths = append(paths, fmt.Sprintf("f%06d", i))
		}
		asked, refusal := 0, error(nil)
		ctx := WithLarge(t.Context(), func() error { asked++; return refusal })
		got, err := entries(ctx, "", inMemory(paths, nil, ""))
		if err != nil || len(got) != names || asked != want {
			t.Errorf("%d of %d names, %v, asked %d times", len(got), names, err, asked)
		}
		refusal = errs.New(errs.Unavailable, "no room")
		if _, err := entries(ctx, "", inMemory(paths, nil, "")); (err != nil) != (want > 0) {
			t.Errorf("%d names that are refused: %v", names, err)
		}
	}
}
