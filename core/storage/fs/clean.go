package fs

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/packhouse/packhouse/core/storage"
)

// Clean removes temporary files that were last written before olderThan. Choose a time that no upload pauses for.
func (s *Storage) Clean(ctx context.Context, olderThan time.Time) (int, error) {
	folder, err := s.root.Open(storage.Reserved)
	if err != nil {
		return 0, fault("clean", storage.Reserved, err)
	}
	names, err := folder.Readdirnames(-1)
	if err := errors.Join(err, folder.Close()); err != nil {
		return 0, fault("clean", storage.Reserved, err)
	}
	removed := 0
	for _, name := range names {
		if err := storage.Alive(ctx); err != nil {
			return removed, err
		}
		stale, err := s.removeStale(storage.Reserved+"/"+name, olderThan)
		if err != nil {
			return removed, err
		}
		if stale {
			removed++
		}
	}
	return removed, nil
}

// removeStale removes one temporary file if it is old enough. One that is gone was committed meanwhile.
func (s *Storage) removeStale(name string, olderThan time.Time) (bool, error) {
	info, err := s.root.Lstat(name)
	if err == nil && (!info.Mode().IsRegular() || !info.ModTime().Before(olderThan)) {
		return false, nil
	}
	if err == nil {
		err = s.root.Remove(name)
	}
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, fault("clean", name, err)
}

var _ storage.Cleaner = (*Storage)(nil)
