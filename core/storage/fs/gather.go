package fs

import (
	"context"
	"fmt"
	"maps"
	"path"

	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/storage"
)

// syncWidth is how many folders are synced side by side: they share the journal's way to the disk.
const syncWidth = 16

// CommitAll renames all blobs and then syncs each folder once, however many blobs came into it; see storage.Gatherer.
func (s *Storage) CommitAll(ctx context.Context, blobs []storage.Staged, keys []string) error {
	folders := map[string]string{} // with one of the keys in them
	for i, blob := range blobs {
		b, ours := blob.(*staged)
		if !ours || b.storage != s {
			return fmt.Errorf("commit a blob of another storage under %s", keys[i])
		}
		if err := b.rename(ctx, keys[i]); err != nil {
			return err
		}
		folders[path.Dir(keys[i])] = keys[i]
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(syncWidth)
	for folder, key := range maps.All(folders) {
		group.Go(func() error {
			if err := storage.Alive(ctx); err != nil {
				return err
			}
			return fault("sync the folder of", key, s.syncDir(folder))
		})
	}
	return group.Wait()
}

var _ storage.Gatherer = (*Storage)(nil)
