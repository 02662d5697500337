package fs

import (
	"context"
	"errors"
	"os"
	"path"
	"syscall"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

// moveTries bounds the contest with a Delete that keeps removing the folder as long as it is empty.
const moveTries = 1000

// move renames a synced file durably to its key, in place of what is there.
func (s *Storage) move(ctx context.Context, from, key string) error {
	if err := s.rename(ctx, from, key); err != nil {
		return err
	}
	return fault("sync the folder of", key, s.syncDir(path.Dir(key)))
}

// rename renames a file to its key and makes the folders for it.
func (s *Storage) rename(ctx context.Context, from, key string) error {
	for range moveTries {
		if err := storage.Alive(ctx); err != nil {
			return err
		}
		err := s.root.Rename(from, key)
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return commitFault(key, err)
		}
		if _, err := s.root.Lstat(from); err != nil {
			return gone(from, err)
		}
		if err := s.makeDir(path.Dir(key)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return commitFault(key, err)
		}
	}
	return contested(key)
}

func contested(key string) error {
	return errs.New(errs.Unavailable, "the folder of blob %q keeps being removed; look for a program that clears the storage folder, then try again", key)
}

// makeDir makes a folder and those above it, each of them durable. The error is os.ErrNotExist when a concurrent Delete
// removed one of them again: the caller tries once more.
func (s *Storage) makeDir(dir string) error {
	if dir == "." {
		return nil
	}
	err := s.root.Mkdir(dir, dirMode)
	if errors.Is(err, os.ErrNotExist) {
		if err := s.makeDir(path.Dir(dir)); err != nil {
			return err
		}
		err = s.root.Mkdir(dir, dirMode)
	}
	if errors.Is(err, os.ErrExist) {
		return nil // its maker syncs the parent; and a sync of the folder itself brings its own entry along in a journal
	}
	if err != nil {
		return err
	}
	return s.syncDir(path.Dir(dir))
}

// syncDir makes the entries of a folder durable. A folder that is gone again had its last file deleted meanwhile, and
// nothing is left to make durable.
func (s *Storage) syncDir(dir string) error {
	folder, err := s.root.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // some network file systems cannot sync a folder; their renames are durable or nothing can be done
	}
	return errors.Join(err, folder.Close())
}
