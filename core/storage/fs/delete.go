package fs

import (
	"context"
	"errors"
	"os"
	"path"
	"syscall"
)

// Delete removes a blob, and the folders above it that are empty then. It is not synced: a blob that comes back after a
// power failure is an orphan, which the next clean-up finds.
func (s *Storage) Delete(ctx context.Context, key string) error {
	if err := ready(ctx, key); err != nil {
		return err
	}
	if err := s.root.Remove(key); err != nil && !nothingThere(err) {
		return fault("delete", key, err)
	}
	s.prune(path.Dir(key))
	return nil
}

// prune removes empty folders from dir upwards, as far as it gets: a folder that is in use again refuses. The slash at
// the end keeps it from ever removing a file.
func (s *Storage) prune(dir string) {
	for ; dir != "."; dir = path.Dir(dir) {
		if s.root.Remove(dir+"/") != nil {
			return
		}
	}
}

// nothingThere is true when a name has no blob: no entry at all, or a folder.
func nothingThere(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrExist) ||
		errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTEMPTY)
}
