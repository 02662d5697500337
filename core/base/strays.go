package base

import (
	"context"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/storage"
)

// strayAge is how old bytes must be before they count as left behind: nobody writes for so long before he notes what
// he wrote.
const strayAge = 24 * time.Hour

// strays removes bytes older than a moment that no row leads to: what a crash left between storage and database.
func (c *cleaner) strays(ctx context.Context, before time.Time) error {
	if one, can := c.store.Storage.(storage.Cleaner); can {
		if _, err := one.Clean(ctx, before); err != nil {
			return err
		}
	}
	removed, err := c.sweep(ctx, c.store.Prefix(), before, func(keys []string) (int, error) {
		strays, err := c.store.Unreferenced(ctx, c.DB, keys)
		if err != nil {
			return 0, err
		}
		return c.store.RemoveUnreferenced(ctx, c.run, strays, before)
	})
	if err != nil {
		return err
	}
	more, err := c.sweep(ctx, storage.PatchPrefix, before, func(keys []string) (int, error) { return c.dropChunks(ctx, keys) })
	if removed += more; removed > 0 {
		c.run.Log().Info("bytes that nothing led to were removed", "blobs", removed)
	}
	return err
}

// sweep hands over the old keys below a prefix in batches.
func (c *cleaner) sweep(ctx context.Context, prefix string, before time.Time, drop func(keys []string) (int, error)) (removed int, err error) {
	var keys []string
	flush := func() error {
		n, err := drop(keys)
		removed, keys = removed+n, keys[:0]
		return err
	}
	for info, err := range c.store.Storage.List(ctx, prefix) {
		if err != nil {
			return removed, err
		}
		if !info.ModTime.Before(before) {
			continue
		}
		if keys = append(keys, info.Key); len(keys) == cleanBatch {
			if err := flush(); err != nil {
				return removed, err
			}
		}
	}
	if len(keys) == 0 {
		return removed, nil
	}
	return removed, flush()
}

// dropChunks removes what was received for uploads that are not there any more, and chunks that never came to count.
// No lock is needed: a chunk's row is written as soon as its bytes are, not a day later.
func (c *cleaner) dropChunks(ctx context.Context, keys []string) (removed int, err error) {
	var uploads, chunks, moving []string
	ids := make([]string, 0, len(keys))
	for _, key := range keys {
		ids = append(ids, uploadOf(key))
	}
	if err := c.DB.Read(ctx).Table("core_uploads").Where("CAST(id AS text) IN ?", ids).Pluck("id", &uploads).Error; err != nil {
		return 0, err
	}
	if err := c.DB.Read(ctx).Table("core_upload_chunks").Where("file IN ?", keys).Pluck("file", &chunks).Error; err != nil {
		return 0, err
	}
	// Another domain may be on its way to the storage that this one uses.
	if err := c.DB.Read(ctx).Table("core_migrated_chunks").Where("file IN ?", keys).Pluck("file", &moving).Error; err != nil {
		return 0, err
	}
	wanted := map[string]bool{}
	for _, id := range uploads {
		wanted[storage.PatchPrefix+id] = true
	}
	for _, key := range append(chunks, moving...) {
		wanted[key] = true
	}
	for _, key := range keys {
		if wanted[key] {
			continue
		}
		if err := c.store.Storage.Delete(ctx, key); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// uploadOf is the identity in the key of an upload's bytes.
func uploadOf(key string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(key, storage.PatchPrefix), "chunks/"), ".")
	return id
}
