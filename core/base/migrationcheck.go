package base

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// verify reads bytes in the new storage and compares them with what they should be: a storage that took them may give
// others back. Damage is errs.Conflict, and bytes that are not there errs.NotFound.
func (m *migration) verify(ctx context.Context, key string, size int64, digest string) (err error) {
	r, err := m.to.Open(ctx, key, 0, -1)
	if err != nil {
		return fmt.Errorf("read back what was copied: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	hash := sha256.New()
	n, err := io.Copy(hash, storage.Reader(ctx, r))
	if err != nil {
		return fmt.Errorf("read back what was copied: %w", err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); n != size || got != digest {
		return errs.New(errs.Conflict, "the bytes are damaged in the new storage: %d bytes with the sha256 %s; look after that storage and migrate again", n, got)
	}
	return nil
}

// recheck forgets what an earlier run noted and what is not there any more as it was.
func (m *migration) recheck(ctx context.Context) error {
	if err := m.forgetChunks(ctx); err != nil {
		return err
	}
	last := "00000000-0000-0000-0000-000000000000"
	for {
		var page []model.Artifact
		err := m.DB.Read(ctx).Raw(`SELECT a.* FROM core_artifacts a JOIN core_migrated_artifacts n ON n.artifact_id = a.id AND n.place = ?
			WHERE a.domain_id = ? AND a.id > ? ORDER BY a.id LIMIT ?`, m.place.place, m.place.domain, last, migratePage).Scan(&page).Error
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1].ID
		gone, err := m.damaged(ctx, page)
		if err != nil {
			return err
		}
		m.progress.Add(int64(len(page) - len(gone)))
		if len(gone) == 0 {
			continue
		}
		err = m.run.InTx(ctx, func(tx *db.Tx) error {
			return tx.Exec("DELETE FROM core_migrated_artifacts WHERE place = ? AND artifact_id IN ?", m.place.place, gone).Error
		})
		if err != nil {
			return err
		}
	}
}

// damaged are those of a page that the new storage does not have as they should be.
func (m *migration) damaged(ctx context.Context, page []model.Artifact) (ids []string, err error) {
	bad := make([]bool, len(page))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(migrateWidth)
	for i := range page {
		group.Go(func() error {
			err := m.verify(within, page[i].File, page[i].Size, page[i].SHA256)
			if bad[i] = errs.Is(err, errs.NotFound) || errs.Is(err, errs.Conflict); bad[i] {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i := range page {
		if bad[i] {
			ids = append(ids, page[i].ID)
		}
	}
	return ids, nil
}

// forgetChunks lets a run copy all chunks anew: they are few, and so nothing has to be known of what became of the
// copies that an earlier run made.
func (m *migration) forgetChunks(ctx context.Context) error {
	var files []string
	err := m.run.InTx(ctx, func(tx *db.Tx) error {
		files = nil
		return tx.Raw(`DELETE FROM core_migrated_chunks WHERE place = ? AND upload_id IN (SELECT id FROM core_uploads WHERE domain_id = ?) RETURNING file`,
			m.place.place, m.place.domain).Scan(&files).Error
	})
	if err != nil {
		return fmt.Errorf("forget the chunks that an earlier run copied: %w", err)
	}
	for _, file := range files {
		if err := m.to.Delete(ctx, file); err != nil {
			return fmt.Errorf("remove a chunk that an earlier run copied: %w", err)
		}
	}
	return nil
}
