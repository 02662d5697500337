package storagetest

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

func stage(t *testing.T, s storage.Storage, content string) storage.Staged {
	t.Helper()
	staged, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(staged, content); err != nil {
		t.Fatal(err)
	}
	return staged
}

// commit tries to commit a blob under key and throws it away if that fails.
func commit(t *testing.T, s storage.Storage, key string) error {
	t.Helper()
	staged := stage(t, s, "x")
	err := staged.Commit(t.Context(), key)
	if err := staged.Cancel(); err != nil {
		t.Errorf("Cancel: %v", err)
	}
	return err
}

func replace(t *testing.T, s storage.Storage) {
	put(t, s, "a/key", "old and rather long")
	put(t, s, "a/key", "new")
	if got := get(t, s, "a/key", 0, -1); got != "new" {
		t.Errorf("got %q", got)
	}
}

func deleteTwice(t *testing.T, s storage.Storage) {
	put(t, s, "a/b/c", "x")
	put(t, s, "a/d", "y")
	want(t, "first", s.Delete(t.Context(), "a/b/c"), "")
	want(t, "second", s.Delete(t.Context(), "a/b/c"), "")
	_, err := s.Stat(t.Context(), "a/b/c")
	want(t, "Stat", err, errs.NotFound)
	put(t, s, "a/b/c", "again")
	if got := get(t, s, "a/b/c", 0, -1) + get(t, s, "a/d", 0, -1); got != "againy" {
		t.Errorf("got %q", got)
	}
}

func cancel(t *testing.T, s storage.Storage) {
	staged := stage(t, s, "unwanted")
	if staged.Size() != 8 {
		t.Errorf("Size = %d", staged.Size())
	}
	want(t, "Cancel", staged.Cancel(), "")
	want(t, "Cancel again", staged.Cancel(), "")
	if _, err := staged.Write([]byte("more")); err == nil {
		t.Error("Write after Cancel succeeds")
	}
	if err := staged.Commit(t.Context(), "a"); err == nil {
		t.Error("Commit after Cancel succeeds")
	}
	holdsNothing(t, s)
}

func cancelAfterCommit(t *testing.T, s storage.Storage) {
	staged := stage(t, s, "wanted")
	want(t, "Commit", staged.Commit(t.Context(), "a"), "")
	want(t, "Cancel", staged.Cancel(), "")
	if _, err := staged.Write([]byte("more")); err == nil {
		t.Error("Write after Commit succeeds")
	}
	if err := staged.Commit(t.Context(), "b"); err == nil {
		t.Error("second Commit succeeds")
	}
	if got := get(t, s, "a", 0, -1); got != "wanted" {
		t.Errorf("got %q", got)
	}
}

func invisibleUntilCommit(t *testing.T, s storage.Storage) {
	staged := stage(t, s, "half")
	holdsNothing(t, s)
	if _, err := io.WriteString(staged, " and half"); err != nil {
		t.Fatal(err)
	}
	want(t, "Commit", staged.Commit(t.Context(), "whole"), "")
	if got := get(t, s, "whole", 0, -1); got != "half and half" {
		t.Errorf("got %q", got)
	}
}

// commitAgain: a commit that failed for its key or its context may be tried again.
func commitAgain(t *testing.T, s storage.Storage) {
	staged := stage(t, s, "content")
	want(t, "Commit with a bad key", staged.Commit(t.Context(), "../a"), errs.Invalid)
	want(t, "Commit after the end", staged.Commit(canceled(t), "a"), errs.Canceled)
	holdsNothing(t, s)
	want(t, "Commit", staged.Commit(t.Context(), "a"), "")
	if got := get(t, s, "a", 0, -1); got != "content" {
		t.Errorf("got %q", got)
	}
}

func failedReader(t *testing.T, s storage.Storage) {
	broken := errors.New("the line is dead")
	_, err := storage.Put(t.Context(), s, "a", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want the reader's own", err)
	}
	holdsNothing(t, s)
}

func canceledContext(t *testing.T, s storage.Storage) {
	put(t, s, "a", "x")
	ctx := canceled(t)
	_, err := s.Stage(ctx)
	want(t, "Stage", err, errs.Canceled)
	_, err = storage.Put(ctx, s, "b", strings.NewReader("x"))
	want(t, "Put", err, errs.Canceled)
	_, err = s.Open(ctx, "a", 0, -1)
	want(t, "Open", err, errs.Canceled)
	_, err = s.Stat(ctx, "a")
	want(t, "Stat", err, errs.Canceled)
	want(t, "Delete", s.Delete(ctx, "a"), errs.Canceled)
	failed := false
	for _, err := range s.List(ctx, "") {
		failed = errs.Is(err, errs.Canceled)
	}
	if !failed {
		t.Error("List with a canceled context ends without an error: half a list looks like a whole one")
	}
	if got := keys(t, s, ""); len(got) != 1 {
		t.Errorf("the storage holds %q, want a", got)
	}
}

// concurrentCommits: of many commits on one key, one wins whole, and no reader ever sees a mix.
func concurrentCommits(t *testing.T, s storage.Storage) {
	const writers, size = 8, 64 << 10
	put(t, s, "deep/in/a/folder", strings.Repeat("x", size))
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			content := strings.Repeat(string(rune('a'+i)), size)
			if _, err := storage.Put(t.Context(), s, "deep/in/a/folder", strings.NewReader(content)); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
		wg.Go(func() {
			got, err := read(t.Context(), s, "deep/in/a/folder", 0, -1)
			if err != nil || mixed(got, size) {
				t.Errorf("a reader saw a mix, or the error %v", err)
			}
		})
	}
	wg.Wait()
	if mixed(get(t, s, "deep/in/a/folder", 0, -1), size) {
		t.Error("the blob is a mix")
	}
}

func mixed(content string, size int) bool {
	return len(content) != size || strings.Trim(content, content[:1]) != ""
}
