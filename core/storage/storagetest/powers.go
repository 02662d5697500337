package storagetest

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

func localPath(t *testing.T, s storage.Storage) {
	local, ok := s.(storage.Local)
	if !ok {
		return
	}
	put(t, s, "a/b", "content")
	name, err := local.LocalPath("a/b")
	if err != nil || !filepath.IsAbs(name) {
		t.Fatalf("LocalPath = %q, %v", name, err)
	}
	if content, err := os.ReadFile(name); err != nil || string(content) != "content" {
		t.Errorf("the file holds %q, %v", content, err)
	}
	for _, key := range []string{"a", "a/c", "a/b/c"} {
		_, err := local.LocalPath(key)
		want(t, "LocalPath "+key, err, errs.NotFound)
	}
	for _, key := range bad() {
		_, err := local.LocalPath(key)
		want(t, "LocalPath "+key, err, errs.Invalid)
	}
}

func peek(t *testing.T, s storage.Storage) {
	for name, end := range map[string]func(storage.Staged) error{
		"commit": func(b storage.Staged) error { return b.Commit(t.Context(), "peeked") },
		"cancel": storage.Staged.Cancel,
	} {
		staged, err := s.Stage(t.Context())
		want(t, "Stage", err, "")
		peeker, ok := staged.(storage.Peeker)
		if !ok {
			want(t, "Cancel", staged.Cancel(), "")
			return
		}
		first, err := peeker.Peek()
		want(t, "Peek", err, "")
		sees(t, name, first, "")
		_, err = io.WriteString(staged, "written")
		want(t, "Write", err, "")
		second, err := peeker.Peek()
		want(t, "Peek again", err, "")
		sees(t, name, first, "written")
		_, err = io.WriteString(staged, " and more")
		want(t, "Write", err, "")
		want(t, "the end", end(staged), "")
		want(t, "Close", first.Close(), "")
		sees(t, name, second, "written and more")
		want(t, "Close", second.Close(), "")
		if _, err := second.ReadAt(make([]byte, 1), 0); err == nil {
			t.Error("what was closed could be read")
		}
		if _, err := peeker.Peek(); err == nil {
			t.Error("a blob could be peeked at after its end")
		}
	}
}

// sees compares all that a reader finds.
func sees(t *testing.T, name string, p storage.Peeked, content string) {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(p, 0, 1<<20))
	if err != nil || string(got) != content {
		t.Errorf("%s: the reader sees %q, %v; want %q", name, got, err, content)
	}
}

func seal(t *testing.T, s storage.Storage) {
	for _, commit := range []bool{true, false} {
		staged, err := s.Stage(t.Context())
		want(t, "Stage", err, "")
		sealer, ok := staged.(storage.Sealer)
		if !ok {
			want(t, "Cancel", staged.Cancel(), "")
			return
		}
		_, err = io.WriteString(staged, "sealed")
		want(t, "Write", err, "")
		want(t, "Seal with a context that has ended", sealer.Seal(canceled(t)), errs.Canceled)
		want(t, "Seal", sealer.Seal(t.Context()), "")
		want(t, "Seal again", sealer.Seal(t.Context()), "")
		if _, err := io.WriteString(staged, "more"); err == nil {
			t.Error("a sealed blob could be written to")
		}
		holdsNothing(t, s)
		if commit {
			want(t, "Commit", staged.Commit(t.Context(), "a/sealed"), "")
			if got := get(t, s, "a/sealed", 0, -1); got != "sealed" {
				t.Errorf("got %q", got)
			}
			want(t, "Delete", s.Delete(t.Context(), "a/sealed"), "")
		}
		want(t, "Cancel", staged.Cancel(), "")
		holdsNothing(t, s)
	}
}

// gather commits many blobs at once, some of them in one folder, one in place of what is there.
func gather(t *testing.T, s storage.Storage) {
	gatherer, ok := s.(storage.Gatherer)
	if !ok {
		return
	}
	put(t, s, "a/one", "something older")
	keys := []string{"a/one", "a/two", "b/c/three"}
	stage := func() (blobs []storage.Staged) {
		for _, key := range keys {
			staged, err := s.Stage(t.Context())
			want(t, "Stage", err, "")
			_, err = io.WriteString(staged, key)
			want(t, "Write", err, "")
			blobs = append(blobs, staged)
		}
		return blobs
	}
	blobs := stage()
	want(t, "CommitAll with a context that has ended", gatherer.CommitAll(canceled(t), blobs, keys), errs.Canceled)
	if got := get(t, s, "a/one", 0, -1); got != "something older" {
		t.Errorf("got %q", got)
	}
	want(t, "CommitAll", gatherer.CommitAll(t.Context(), blobs, keys), "")
	for i, key := range keys {
		if got := get(t, s, key, 0, -1); got != key {
			t.Errorf("%s holds %q", key, got)
		}
		want(t, "Cancel", blobs[i].Cancel(), "")
	}
	again := stage()
	want(t, "CommitAll under a key that is none", gatherer.CommitAll(t.Context(), again, []string{"a/four", "../five", "a/six"}), errs.Invalid)
	for i, key := range []string{"a/four", "", "a/six"} {
		want(t, "Cancel", again[i].Cancel(), "")
		if _, err := s.Stat(t.Context(), "a/six"); key == "a/six" && !errs.Is(err, errs.NotFound) {
			t.Errorf("a blob behind the faulty one: %v", err)
		}
	}
	for _, key := range append(keys, "a/four") {
		want(t, "Delete", s.Delete(t.Context(), key), "")
	}
	holdsNothing(t, s)
}

const patched = storage.PatchPrefix + "one"

func patch(t *testing.T, s storage.Storage) {
	patcher, ok := s.(storage.Patcher)
	if !ok {
		return
	}
	for _, c := range []struct {
		offset int64
		chunk  string
	}{{6, "packhouse"}, {0, "hallo,"}, {0, "hello "}} {
		n, err := patcher.WriteAt(t.Context(), patched, c.offset, strings.NewReader(c.chunk))
		if err != nil || n != int64(len(c.chunk)) {
			t.Fatalf("WriteAt(%d) = %d, %v", c.offset, n, err)
		}
	}
	if got := get(t, s, patched, 6, -1); got != "packhouse" {
		t.Errorf("before Adopt: got %q", got)
	}
	put(t, s, "final/key", "something older")
	want(t, "Adopt", patcher.Adopt(t.Context(), patched, "final/key"), "")
	if got := get(t, s, "final/key", 0, -1); got != "hello packhouse" {
		t.Errorf("after Adopt: got %q", got)
	}
	_, err := s.Stat(t.Context(), patched)
	want(t, "Stat of what was adopted", err, errs.NotFound)
	want(t, "Adopt again", patcher.Adopt(t.Context(), patched, "final/key"), errs.NotFound)
}

func patchRefuses(t *testing.T, s storage.Storage) {
	patcher, ok := s.(storage.Patcher)
	if !ok {
		return
	}
	put(t, s, "immutable", "content")
	for _, key := range append(bad(), "immutable", "uploads/a", "upload") {
		_, err := patcher.WriteAt(t.Context(), key, 0, strings.NewReader("x"))
		want(t, "WriteAt "+key, err, errs.Invalid)
		want(t, "Adopt from "+key, patcher.Adopt(t.Context(), key, "b"), errs.Invalid)
		if _, err := patcher.WriteAt(t.Context(), patched, 0, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range append(bad(), patched, storage.PatchPrefix+"two") {
		want(t, "Adopt as "+key, patcher.Adopt(t.Context(), patched, key), errs.Invalid)
	}
	_, err := patcher.WriteAt(t.Context(), patched, -1, strings.NewReader("x"))
	want(t, "WriteAt before the beginning", err, errs.Invalid)
	if got := get(t, s, "immutable", 0, -1); got != "content" {
		t.Errorf("got %q", got)
	}
}

func patchFailedReader(t *testing.T, s storage.Storage) {
	patcher, ok := s.(storage.Patcher)
	if !ok {
		return
	}
	broken := errors.New("the line is dead")
	n, err := patcher.WriteAt(t.Context(), patched, 0, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)))
	if n != 4 || !errors.Is(err, broken) {
		t.Errorf("WriteAt = %d, %v; want 4 bytes and the reader's own error", n, err)
	}
	_, err = patcher.WriteAt(canceled(t), patched, 4, strings.NewReader("x"))
	want(t, "WriteAt with a canceled context", err, errs.Canceled)
}

func sign(t *testing.T, s storage.Storage) {
	signer, ok := s.(storage.Signer)
	if !ok {
		return
	}
	put(t, s, "a/b c", "content")
	for _, method := range []string{"", http.MethodGet, http.MethodHead} {
		link, err := signer.Sign(t.Context(), "a/b c", storage.SignOptions{
			Method: method, TTL: time.Minute, ContentType: "application/x-rpm", Filename: `pack "ü".rpm`,
		})
		if err != nil {
			t.Fatal(err)
		}
		signedAnswer(t, method, link)
	}
}

func signedAnswer(t *testing.T, method, link string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, res.Body)
	content, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s of a signed link: %s, %v", method, res.Status, err)
	}
	if method == http.MethodHead {
		return
	}
	_, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition"))
	if err != nil || params["filename"] != `pack "ü".rpm` {
		t.Errorf("file name %q, %v, from %q", params["filename"], err, res.Header.Get("Content-Disposition"))
	}
	if string(content) != "content" || res.Header.Get("Content-Type") != "application/x-rpm" {
		t.Errorf("got %q as %q", content, res.Header.Get("Content-Type"))
	}
}

func signRefuses(t *testing.T, s storage.Storage) {
	signer, ok := s.(storage.Signer)
	if !ok {
		return
	}
	for name, c := range map[string]struct {
		key string
		o   storage.SignOptions
	}{
		"a method that writes": {"a", storage.SignOptions{Method: http.MethodPut, TTL: time.Minute}},
		"no time":              {"a", storage.SignOptions{}},
		"too long":             {"a", storage.SignOptions{TTL: 8 * 24 * time.Hour}},
		"a bad key":            {"../a", storage.SignOptions{TTL: time.Minute}},
	} {
		_, err := signer.Sign(t.Context(), c.key, c.o)
		want(t, name, err, errs.Invalid)
	}
}

func usage(t *testing.T, s storage.Storage) {
	meter, ok := s.(storage.Meter)
	if !ok {
		return
	}
	total, used, free, err := meter.Usage(t.Context())
	if err != nil || total <= 0 || used < 0 || free < 0 || used+free > total {
		t.Errorf("Usage = %d, %d, %d, %v", total, used, free, err)
	}
}

// clean: what is committed stays, whatever its age.
func clean(t *testing.T, s storage.Storage) {
	cleaner, ok := s.(storage.Cleaner)
	if !ok {
		return
	}
	put(t, s, "a/b", "content")
	if _, err := cleaner.Clean(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if got := get(t, s, "a/b", 0, -1); got != "content" {
		t.Errorf("got %q", got)
	}
	_, err := cleaner.Clean(canceled(t), time.Now().Add(time.Hour))
	if err != nil {
		want(t, "Clean with a canceled context", err, errs.Canceled)
	}
}
