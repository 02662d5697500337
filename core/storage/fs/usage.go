//go:build linux || darwin || freebsd

package fs

import (
	"context"
	"fmt"
	"syscall"

	"github.com/packhouse/packhouse/core/storage"
)

// Usage gives the size of the file system that holds the folder; free is what this user may still write.
func (s *Storage) Usage(ctx context.Context) (total, used, free int64, err error) {
	if err := storage.Alive(ctx); err != nil {
		return 0, 0, 0, err
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &st); err != nil {
		return 0, 0, 0, fmt.Errorf("measure the storage folder %s: %w", s.dir, err)
	}
	block := int64(st.Bsize) //nolint:unconvert // the types differ between systems
	total = int64(st.Blocks) * block
	return total, total - int64(st.Bfree)*block, int64(st.Bavail) * block, nil
}

var _ storage.Meter = (*Storage)(nil)
