package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/storage/storagetest"
)

func TestStorage(t *testing.T) { // not parallel: see storagetest.Run
	storagetest.Run(t, func(t *testing.T) storage.Storage { return empty(t) })
}

func empty(t *testing.T) *Storage {
	t.Helper()
	s, err := New(filepath.Join(t.TempDir(), "not", "yet"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(filepath.Join(s.dir, storage.Reserved))
		if err := errors.Join(err, s.Close()); err != nil {
			t.Error(err)
		}
		if len(left) != 0 && !t.Failed() {
			t.Errorf("%d temporary files are left", len(left))
		}
	})
	return s
}

func put(t *testing.T, s *Storage, key string) {
	t.Helper()
	if _, err := storage.Put(t.Context(), s, key, strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	s := empty(t)
	put(t, s, "a/b/c")
	for name, most := range map[string]os.FileMode{"a": 0o750, "a/b": 0o750, "a/b/c": 0o640} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil || info.Mode().Perm()&^most != 0 || info.Mode().Perm()&0o600 != 0o600 {
			t.Errorf("%s: %v, %v; want at most %o", name, info.Mode(), err, most)
		}
	}
}

func TestNoLinkLeadsOut(t *testing.T) {
	t.Parallel()
	s := empty(t)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(s.dir, "folder")), os.Symlink(secret, filepath.Join(s.dir, "file"))); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"file", "folder/secret"} {
		if r, err := s.Open(t.Context(), key, 0, -1); err == nil {
			t.Errorf("Open(%q) leads out of the root", key)
			_ = r.Close()
		}
		if _, err := s.Stat(t.Context(), key); err == nil {
			t.Errorf("Stat(%q) leads out of the root", key)
		}
		if name, err := s.LocalPath(key); err == nil {
			t.Errorf("LocalPath(%q) = %q leads out of the root", key, name)
		}
	}
	if _, err := storage.Put(t.Context(), s, "folder/new", strings.NewReader("x")); err == nil {
		t.Error("Put leads out of the root")
	}
	_ = s.Delete(t.Context(), "folder/secret")
	for info, err := range s.List(t.Context(), "") {
		t.Errorf("List gives %+v, %v", info, err)
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 1 {
		t.Errorf("outside the root: %v, %v; want only the secret", left, err)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := empty(t)
	b := stageOn(t, s, "/dev/full")
	n, err := b.Write([]byte("content"))
	if n != 0 || !errs.Is(err, errs.StorageFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write = %d, %v; want errs.StorageFull", n, err)
	}
	if err := b.Commit(t.Context(), "a"); !errs.Is(err, errs.StorageFull) {
		t.Errorf("Commit after a failed Write: %v", err)
	}
	if err := b.Cancel(); err != nil {
		t.Errorf("Cancel: %v", err)
	}
	if _, err := s.Stat(t.Context(), "a"); !errs.Is(err, errs.NotFound) {
		t.Errorf("Stat: %v", err)
	}
}

// TestFailedSync: what could not be synced must not be committed by a second try.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	s := empty(t)
	b := stageOn(t, s, os.DevNull) // a device that takes writes and cannot sync
	if _, err := b.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Commit(t.Context(), "a"); err == nil {
			t.Error("Commit succeeds without a sync")
		}
	}
	if err := b.Cancel(); err != nil {
		t.Errorf("Cancel: %v", err)
	}
	if _, err := s.Stat(t.Context(), "a"); !errs.Is(err, errs.NotFound) {
		t.Errorf("Stat: %v", err)
	}
}

// stageOn begins a blob whose bytes go to a device.
func stageOn(t *testing.T, s *Storage, device string) *staged {
	t.Helper()
	b, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	own := b.(*staged)
	if err := own.file.Close(); err != nil {
		t.Fatal(err)
	}
	own.file = file
	return own
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for cause, kind := range map[syscall.Errno]errs.Kind{
		syscall.ENOSPC: errs.StorageFull, syscall.EDQUOT: errs.StorageFull, syscall.ENOENT: errs.NotFound,
		syscall.ENOTDIR: errs.NotFound, syscall.EACCES: errs.Internal, syscall.EIO: errs.Internal,
	} {
		err := fault("read", "a", &os.PathError{Op: "read", Path: "a", Err: cause})
		if !errs.Is(err, kind) || !errors.Is(err, cause) {
			t.Errorf("%v: got %q, want %q", cause, errs.KindOf(err), kind)
		}
	}
}

func TestBlobInTheWay(t *testing.T) {
	t.Parallel()
	s := empty(t)
	put(t, s, "a/b")
	for _, key := range []string{"a", "a/b/c", "a/b/c/d"} {
		_, err := storage.Put(t.Context(), s, key, strings.NewReader("x"))
		if !errs.Is(err, errs.Conflict) {
			t.Errorf("Put(%q): %v, want errs.Conflict", key, err)
		}
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Errorf("Delete of a folder's name: %v", err)
	}
	if _, err := s.Stat(t.Context(), "a/b"); err != nil {
		t.Error(err)
	}
}

func TestDeleteRemovesEmptyFolders(t *testing.T) {
	t.Parallel()
	s := empty(t)
	put(t, s, "a/b/c/d")
	put(t, s, "a/e")
	if err := s.Delete(t.Context(), "a/b/c/d"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "a"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "e" {
		t.Errorf("a holds %v, %v; want only e", entries, err)
	}
}

// TestCommitsBesideDeletes: a folder that comes and goes with its blobs never makes a commit fail.
func TestCommitsBesideDeletes(t *testing.T) {
	t.Parallel()
	s := empty(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 100 {
				if err := comeAndGo(t.Context(), s, fmt.Sprint("one/two/", i), fmt.Sprint("upload/three/", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left, err := os.ReadDir(s.dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v are left; want only tmp", left, err)
	}
}

// comeAndGo makes a blob in each way, reads it and deletes it.
func comeAndGo(ctx context.Context, s *Storage, key, temporary string) error {
	if _, err := storage.Put(ctx, s, key, strings.NewReader(key)); err != nil {
		return err
	}
	if _, err := s.WriteAt(ctx, temporary, 0, strings.NewReader(key)); err != nil {
		return err
	}
	if err := s.Adopt(ctx, temporary, key); err != nil {
		return err
	}
	info, err := s.Stat(ctx, key)
	if err == nil && info.Size != int64(len(key)) {
		err = fmt.Errorf("%q has %d bytes", key, info.Size)
	}
	return errors.Join(err, s.Delete(ctx, key))
}

// TestPruneSparesFiles: a blob that took the place of an empty folder meanwhile must live.
func TestPruneSparesFiles(t *testing.T) {
	t.Parallel()
	s := empty(t)
	put(t, s, "a/b")
	s.prune("a/b")
	if _, err := s.Stat(t.Context(), "a/b"); err != nil {
		t.Error(err)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	s := empty(t)
	stale, fresh := s.stage(t), s.stage(t)
	hour := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(s.dir, stale.name), hour, hour); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Clean(t.Context(), hour.Add(time.Minute)); n != 1 || err != nil {
		t.Errorf("Clean = %d, %v; want 1", n, err)
	}
	if err := stale.Commit(t.Context(), "a"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("Commit of what was cleaned away: %v", err)
	}
	if err := stale.Cancel(); err != nil {
		t.Errorf("Cancel of what was cleaned away: %v", err)
	}
	if err := fresh.Commit(t.Context(), "b"); err != nil {
		t.Errorf("Commit of what is fresh: %v", err)
	}
}

func (s *Storage) stage(t *testing.T) *staged {
	t.Helper()
	b, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(b, "content"); err != nil {
		t.Fatal(err)
	}
	return b.(*staged)
}

// TestTmpFolderComesBack: somebody may tidy up by hand.
func TestTmpFolderComesBack(t *testing.T) {
	t.Parallel()
	s := empty(t)
	if err := os.Remove(filepath.Join(s.dir, storage.Reserved)); err != nil {
		t.Fatal(err)
	}
	put(t, s, "a")
}

// TestListLeavesOutWhatIsNotOurs: what the file system or an administrator put there.
func TestListLeavesOutWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	s := empty(t)
	put(t, s, "a/b")
	for _, name := range []string{"lost+found/x", `back\slash`} {
		name = filepath.Join(s.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	half := s.stage(t)
	defer func() { _ = half.Cancel() }()
	for info, err := range s.List(t.Context(), "") {
		if err != nil || info.Key != "a/b" {
			t.Errorf("List gives %+v, %v", info, err)
		}
	}
}
