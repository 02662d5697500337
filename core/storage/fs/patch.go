package fs

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

// WriteAt writes into a temporary blob in place; see storage.Patcher. Chunks may be written side by side.
func (s *Storage) WriteAt(ctx context.Context, key string, offset int64, r io.Reader) (n int64, err error) {
	if err := patchable(ctx, key); err != nil {
		return 0, err
	}
	if err := storage.ValidSpan(offset, -1); err != nil {
		return 0, err
	}
	file, err := s.openPatch(ctx, key)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, fault("write", key, file.Close())) }()
	n, err = io.Copy(io.NewOffsetWriter(file, offset), storage.Reader(ctx, r))
	return n, chunkFault(key, err)
}

// Adopt makes a temporary blob durable and moves it to its key.
func (s *Storage) Adopt(ctx context.Context, from, to string) error {
	if err := errors.Join(patchable(ctx, from), storage.ValidKey(to)); err != nil {
		return err
	}
	if strings.HasPrefix(to, storage.PatchPrefix) {
		return errs.New(errs.Invalid, "a temporary blob cannot be adopted as %q; use a key outside %s", to, storage.PatchPrefix)
	}
	file, err := s.root.OpenFile(from, os.O_WRONLY, 0)
	if err != nil {
		return fault("adopt", from, err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fault("sync", from, err)
	}
	if err := s.move(ctx, from, to); err != nil {
		return err
	}
	s.prune(path.Dir(from))
	return nil
}

// openPatch opens or makes a temporary blob, and its folder as often as a concurrent Delete removes it.
func (s *Storage) openPatch(ctx context.Context, key string) (*os.File, error) {
	for range moveTries {
		file, err := s.root.OpenFile(key, os.O_WRONLY|os.O_CREATE, fileMode)
		if !errors.Is(err, os.ErrNotExist) {
			return file, commitFault(key, err)
		}
		if err := storage.Alive(ctx); err != nil {
			return nil, err
		}
		if err := s.makeDir(path.Dir(key)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, commitFault(key, err)
		}
	}
	return nil, contested(key)
}

func patchable(ctx context.Context, key string) error {
	if err := ready(ctx, key); err != nil {
		return err
	}
	if !strings.HasPrefix(key, storage.PatchPrefix) {
		return errs.New(errs.Invalid, "the blob %q is not a temporary one and cannot change; use a key in %s", key, storage.PatchPrefix)
	}
	return nil
}

// chunkFault keeps the reader's own errors as they are and gives those of the disk a kind.
func chunkFault(key string, err error) error {
	if _, ours := errors.AsType[*os.PathError](err); ours {
		return fault("write", key, err)
	}
	return err
}

var _ storage.Patcher = (*Storage)(nil)
