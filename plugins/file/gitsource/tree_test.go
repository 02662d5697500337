package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

// noise is text that cannot be compressed.
func noise(seed uint64, size int) string {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
	return string(b)
}

// Whole files, differences to others, small and large ones come out as they went in.
func TestFilesAreWhatTheyWere(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	want := map[string]string{"empty": "", "large": noise(1, 3<<20), "dir/deep/er/f": "x", "run.sh": "#!/bin/sh\n", "ünïcode": "u"}
	base := strings.Split(noise(2, 40<<10), "\n")
	for i := range 60 { // similar to each other, so that git stores differences
		base[i%len(base)] = fmt.Sprintf("line %d", i)
		want[fmt.Sprintf("similar/%d", i)] = strings.Join(base, "\n")
	}
	big := noise(3, 2<<20)
	want["big-1"], want["big-2"] = big, big[:1<<20]+"changed"+big[1<<20:]
	for path, text := range want {
		w.write(path, text)
	}
	w.git("add", "-A")
	w.git("update-index", "--chmod=+x", "run.sh")
	w.commit("all")
	loose := w.local()
	packed := newWork(t)
	packed.git("pull", "-q", w.dir, "main")
	packed.git("repack", "-q", "-a", "-d", "-f")
	if !strings.Contains(packed.git("verify-pack", "-v", slices.Collect(glob(t, packed.dir))[0]), "chain length") {
		t.Fatal("the pack has no differences, so that nothing is tried here")
	}
	for name, url := range map[string]string{"http": packed.serve(nil), "loose": loose, "packed": packed.local()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := fetched(t, options(t, url, ""))
			if tree.Len() != len(want) {
				t.Errorf("Len = %d, want %d", tree.Len(), len(want))
			}
			has(t, tree, want)
			sideBySide(t, tree, want)
		})
	}
}

func glob(t *testing.T, dir string) func(func(string) bool) {
	found, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.idx"))
	if err != nil || len(found) == 0 {
		t.Fatal("no pack:", err)
	}
	return slices.Values(found)
}

// sideBySide reads all files at the same time.
func sideBySide(t *testing.T, tree *Tree, want map[string]string) {
	t.Helper()
	var group sync.WaitGroup
	for f, err := range tree.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			body, err := f.Open(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = body.Close() }() // read to its end
			if text, err := io.ReadAll(body); err != nil || string(text) != want[f.Path] {
				t.Errorf("%s read beside others has %d bytes, %v; want %d", f.Path, len(text), err, len(want[f.Path]))
			}
		})
	}
	group.Wait()
}

func TestLinksAndSubmodules(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	head := w.save("dir/file", "text")
	for name, to := range map[string]string{
		"good": "dir/file", "dir/up": "../dir/file", "chain": "good", "dot": "./dir/../dir/file",
		"out": "../outside", "root": "/etc/passwd", "folder": "dir", "top": ".", "dangling": "nothing", "circle-a": "circle-b", "circle-b": "circle-a",
		"self": "self", "through": "folder/file", "below-a-file": "dir/file/x", "submodule-link": "sub", "sneaky": "dir/../../x",
	} {
		if err := os.Symlink(to, filepath.Join(w.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	w.git("update-index", "--add", "--cacheinfo", "160000,"+head+",sub")
	w.git("commit", "-q", "-m", "sub")
	w.git("add", "good", "dir", "chain", "dot", "out", "root", "folder", "top", "dangling", "circle-a", "circle-b", "self", "through", "below-a-file", "submodule-link", "sneaky")
	w.git("commit", "-q", "-m", "links")
	for _, url := range []string{w.serve(nil), w.local()} {
		o := options(t, url, "")
		skipped := map[string]string{}
		o.Skipped = func(path, reason string) { skipped[path] = reason }
		tree := fetched(t, o)
		has(t, tree, map[string]string{"dir/file": "text", "good": "text", "dir/up": "text", "chain": "text", "dot": "text"})
		for path, word := range map[string]string{
			"out": "leaves the tree", "root": "leaves the tree", "sneaky": "leaves the tree", "folder": "to a folder", "top": "to a folder", "dangling": "no file",
			"circle-a": "circle", "circle-b": "circle", "self": "circle", "through": "no file", "below-a-file": "no file", "submodule-link": "to a folder", "sub": "submodule",
		} {
			if !strings.Contains(skipped[path], word) {
				t.Errorf("%s was skipped because %q, want %q in it", path, skipped[path], word)
			}
		}
		if len(skipped) != 13 {
			t.Errorf("skipped were %v", slices.Sorted(maps.Keys(skipped)))
		}
	}
}

func TestPathsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	for _, path := range []string{"a b", "c?", "d\\e", "ok", "#f", "g\th", "i\nj", "k l/m", " n", "o "} {
		w.write(path, "x")
	}
	w.commit("names")
	for _, url := range []string{w.serve(nil), w.local()} {
		_ = refusedWith(t, options(t, url, ""), "6 paths", `"#f"`, "rename them")
	}
}

func TestTreesThatAreNone(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("h", 20)
	for _, data := range []string{"100644 f", "100644 f\x00short", "100644f\x00" + hash, "10064x f\x00" + hash, " f\x00" + hash, "100644 \x00" + hash,
		"100644 .\x00" + hash, "40000 ..\x00" + hash, "100644 a/b\x00" + hash, "100644 a\x00" + hash + "40000 a\x00" + hash, "99999999999 f\x00" + hash} {
		if got, err := parseTree([]byte(data)); err == nil {
			t.Errorf("parseTree(%q) = %v, want an error", data, got)
		}
	}
}

// A tree whose entries lead out of it is never listed, whatever git would have made of it.
func TestAHostileTree(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	blob := w.pipe("x", "hash-object", "-w", "--stdin")
	raw := w.git("rev-parse", blob) // 40 digits
	var tree strings.Builder
	tree.WriteString("100644 ..\x00")
	for i := 0; i < len(raw); i += 2 {
		var b byte
		if _, err := fmt.Sscanf(raw[i:i+2], "%02x", &b); err != nil {
			t.Fatal(err)
		}
		tree.WriteByte(b)
	}
	evil := w.pipe(tree.String(), "hash-object", "-t", "tree", "--literally", "-w", "--stdin")
	w.git("update-ref", "refs/heads/main", w.git("commit-tree", "-m", "evil", evil))
	for _, url := range []string{w.serve(nil), w.local()} {
		_ = refusedWith(t, options(t, url, "main"), "malformed tree")
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("a/b/c/d", "deep")
	for i := range 20 {
		w.write(fmt.Sprintf("f%d", i), strings.Repeat("similar text\n", 1000)+fmt.Sprint(i))
	}
	w.write("large", noise(1, 1<<20)) // whole objects are not bounded, and not held in memory
	w.commit("all")
	w.git("repack", "-q", "-a", "-d", "-f")
	url := w.serve(nil)
	table := map[string]struct {
		change func(*limits)
		words  string
	}{
		"enough":  {func(l *limits) { l.delta, l.objects, l.entries, l.depth, l.refs = 20_000, 40, 40, 3, 1000 }, ""},
		"objects": {func(l *limits) { l.objects = 10 }, "more than the 10 that are read"},
		"delta":   {func(l *limits) { l.delta = 10_000 }, "as a difference, which is done up to 10000"},
		"entries": {func(l *limits) { l.entries = 10 }, "more than 10 files and folders"},
		"depth":   {func(l *limits) { l.depth = 2 }, "more than 2 deep"},
		"refs":    {func(l *limits) { l.refs = 100 }, "more refs than a repository has"},
		"tree":    {func(l *limits) { l.tree = 100 }, "no more than 100 are read"},
		"commit":  {func(l *limits) { l.commit = 10 }, "no more than 10 are read"},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := bounds()
			row.change(&l)
			tree, err := fetch(t.Context(), options(t, url, ""), l)
			if row.words == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := tree.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.words) || !errs.Is(err, errs.TooLarge) {
				t.Errorf("the error is %v (%s), want %q", err, errs.KindOf(err), row.words)
			}
		})
	}
}

// A folder that holds itself ten times over, ten levels deep, would be ten thousand million files.
func TestABombOfFolders(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	blob := w.pipe("x", "hash-object", "-w", "--stdin")
	tree := w.pipe(fmt.Sprintf("100644 blob %s\tf\n", blob), "mktree")
	for range 10 {
		var list strings.Builder
		for i := range 10 {
			fmt.Fprintf(&list, "040000 tree %s\td%d\n", tree, i)
		}
		tree = w.pipe(list.String(), "mktree")
	}
	w.git("update-ref", "refs/heads/main", w.git("commit-tree", "-m", "bomb", tree))
	l := bounds()
	l.entries = 10_000
	if _, err := fetch(t.Context(), options(t, w.serve(nil), "main"), l); err == nil || !strings.Contains(err.Error(), "more than 10000") {
		t.Errorf("the error is %v", err)
	}
}

func TestAWalkThatIsLeft(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	for i := range 10 {
		w.write(fmt.Sprintf("d%d/f", i), "x")
	}
	w.commit("all")
	tree := fetched(t, options(t, w.local(), ""))
	n := 0
	for _, err := range tree.Files(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		if n++; n == 3 {
			break
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("enough")
	n = 0
	var last error
	for _, err := range tree.Files(ctx) {
		n++
		last = err
		cancel(why)
	}
	if n != 2 || !errors.Is(last, why) || !errs.Is(last, errs.Canceled) {
		t.Errorf("%d files and then %v; want one and the reason", n-1, last)
	}
}

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 f\x00" + strings.Repeat("h", 20) + "40000 d\x00" + strings.Repeat("h", 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data)
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.name == "" || e.name == "." || e.name == ".." || strings.ContainsAny(e.name, "/\x00") {
				t.Errorf("an entry with the name %q", e.name)
			}
		}
	})
}
