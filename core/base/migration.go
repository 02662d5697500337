package base

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/task"
)

// migration copies the files of a domain to another storage. Each is read back from there and compared with its digest, and
// only then noted, so a migration that was cut off goes on where it was. The domain uses the old storage all the while. In the end one
// transaction, which keeps everybody from saving files, looks whether all is noted, and changes the description of the
// storage and its stamp: who received bytes for the old storage can no longer save them.
type migration struct {
	*resource.Env
	run      *task.Run
	place    domainPlace
	from     *artifact.Store
	to       storage.Storage
	progress *task.Progress
}

const (
	migratePage = 200
	// migrateBytes is how many bytes are copied before it is noted, save that migrateWidth files always are: what a
	// migration that is cut off has to do again.
	migrateBytes = 1 << 30
	// migrateWidth is how many files are copied side by side.
	migrateWidth = 4
	// migrateRounds bounds how often files that came meanwhile are copied before the migration gives up.
	migrateRounds = 100
)

func runMigration(ctx context.Context, run *task.Run, env *resource.Env, a migrateDomain) (err error) {
	if env.Storages == nil {
		return errs.New(errs.Internal, "no storages can be opened here")
	}
	to, err := env.Storages.OpenPlace(a.Place)
	if err != nil {
		return fmt.Errorf("open the new storage: %w", err)
	}
	if one, can := to.(io.Closer); can {
		defer func() { err = errors.Join(err, one.Close()) }()
	}
	return migrateTo(ctx, run, env, a, to)
}

// migrateTo brings the files to an open storage, which is that of the task's place.
func migrateTo(ctx context.Context, run *task.Run, env *resource.Env, a migrateDomain, to storage.Storage) error {
	from, err := env.Artifacts.In(ctx, a.Domain)
	if err != nil {
		return err
	}
	m := &migration{Env: env, run: run, place: domainPlace{a.Domain, a.Place.ID()}, from: from, to: to}
	if m.progress, err = run.Progress(ctx, "migrate", "Migrating Artifacts", nil, ""); err != nil {
		return err
	}
	run.Log().Info("the files of the domain are copied to its new storage", "domain", a.Domain, "rounds_at_most", migrateRounds)
	if err := m.recheck(ctx); err != nil {
		return err
	}
	for range migrateRounds {
		if err := m.copyAll(ctx); err != nil {
			return err
		}
		done, err := m.finish(ctx, a)
		if err != nil {
			return err
		}
		if done {
			m.progress.Done()
			run.Log().Info("the domain uses its new storage; the bytes in the old one were left there and may be removed", "domain", a.Domain)
			return nil
		}
	}
	return errs.New(errs.Unavailable, "new files came in as fast as they were copied; nothing was changed, try again at a quieter time")
}

// domainPlace is a domain and the place that it goes to.
type domainPlace struct{ domain, place string }

// missing are the artifacts of the domain that are not noted.
const missing = ` FROM core_artifacts a WHERE a.domain_id = ? AND NOT EXISTS (SELECT 1 FROM core_migrated_artifacts n WHERE n.artifact_id = a.id AND n.place = ?)`

// missingChunks are the chunks of the domain's uploads that are not noted as they are now.
const missingChunks = ` FROM core_upload_chunks c JOIN core_uploads u ON u.id = c.upload_id WHERE u.domain_id = ? AND c.sha256 <> ''
	AND NOT EXISTS (SELECT 1 FROM core_migrated_chunks n WHERE n.upload_id = c.upload_id AND n.chunk_offset = c.chunk_offset AND n.place = ? AND n.sha256 = c.sha256)`

func (m *migration) copyAll(ctx context.Context) error {
	for {
		var page []model.Artifact
		if err := m.DB.Read(ctx).Raw("SELECT a.*"+missing+" ORDER BY a.id LIMIT ?", m.place.domain, m.place.place, migratePage).Scan(&page).Error; err != nil {
			return err
		}
		if len(page) == 0 {
			return m.copyChunks(ctx)
		}
		if err := m.copyPage(ctx, some(page)); err != nil {
			return err
		}
	}
}

// some are the first files of a page, no more than are to be noted together.
func some(page []model.Artifact) []model.Artifact {
	sum := int64(0)
	for i := range page {
		if sum += page[i].Size; i >= migrateWidth && sum > migrateBytes {
			return page[:i]
		}
	}
	return page
}

// copyPage copies side by side and notes those that arrived, whatever becomes of the others.
func (m *migration) copyPage(ctx context.Context, page []model.Artifact) error {
	arrived := make([]bool, len(page))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(migrateWidth)
	for i := range page {
		group.Go(func() error {
			err := m.copyArtifact(within, &page[i])
			arrived[i] = err == nil
			return err
		})
	}
	failed := group.Wait()
	return errors.Join(failed, m.note(context.WithoutCancel(ctx), page, arrived))
}

func (m *migration) note(ctx context.Context, page []model.Artifact, arrived []bool) error {
	n := int64(0)
	err := m.run.InTx(ctx, func(tx *db.Tx) error {
		n = 0
		for i := range page {
			if !arrived[i] {
				continue
			}
			// One that is gone meanwhile needs no note.
			done := tx.Exec(`INSERT INTO core_migrated_artifacts (artifact_id, place) SELECT id, ? FROM core_artifacts WHERE id = ? ON CONFLICT DO NOTHING`, m.place.place, page[i].ID)
			if done.Error != nil {
				return done.Error
			}
			n++
		}
		return nil
	})
	if err == nil {
		m.progress.Add(n)
	}
	return err
}

func (m *migration) copyArtifact(ctx context.Context, a *model.Artifact) error {
	r, err := m.from.Storage.Open(ctx, a.File, 0, -1)
	if err == nil {
		err = m.copy(ctx, r, a.File, a.Size, a.SHA256)
	}
	if err != nil {
		return errs.New(errs.KindOf(err), "the artifact %s (sha256 %s) could not be copied: %w", a.ID, a.SHA256, err)
	}
	return nil
}

// copy writes what r gives under a key, if it is what is expected, and looks that it came to lie there. It closes r.
func (m *migration) copy(ctx context.Context, r io.ReadCloser, key string, size int64, digest string) (err error) {
	defer func() { err = errors.Join(err, r.Close()) }()
	staged, err := m.to.Stage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, staged.Cancel()) }() // does nothing after a commit
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(staged, hash), storage.Reader(ctx, r))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); n != size || got != digest {
		return errs.New(errs.Conflict, "the stored bytes are damaged: %d bytes with the sha256 %s; run a repair of the domain and migrate again", n, got)
	}
	if err := staged.Commit(ctx, key); err != nil {
		return err
	}
	return m.verify(ctx, key, size, digest)
}

// copyChunks copies chunks of uploads, each as a blob of its own: not every storage can write into a file.
func (m *migration) copyChunks(ctx context.Context) error {
	for {
		var page []model.UploadChunk
		if err := m.DB.Read(ctx).Raw("SELECT c.*"+missingChunks+" ORDER BY c.upload_id, c.chunk_offset LIMIT ?", m.place.domain, m.place.place, migratePage).Scan(&page).Error; err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		for i := range page {
			if err := m.copyChunk(ctx, &page[i]); err != nil {
				return err
			}
		}
	}
}

func (m *migration) copyChunk(ctx context.Context, c *model.UploadChunk) error {
	var u []model.Upload
	if err := m.DB.Read(ctx).Where("id = ?", c.UploadID).Limit(1).Find(&u).Error; err != nil || len(u) == 0 {
		return err
	}
	key := artifact.ChunkKey(c.UploadID)
	r, err := m.from.OpenChunk(ctx, &u[0], c)
	if err == nil {
		err = m.copy(ctx, r, key, c.Size, c.SHA256)
	}
	if err != nil {
		var still int64 // a chunk that was replaced or thrown away meanwhile is no fault
		look := m.DB.Read(ctx).Model(&model.UploadChunk{}).Where("upload_id = ? AND chunk_offset = ? AND sha256 = ?", c.UploadID, c.ChunkOffset, c.SHA256).Limit(1).Count(&still)
		if look.Error == nil && still == 0 {
			return nil
		}
		return errs.New(errs.KindOf(err), "the chunk at %d of the upload %s could not be copied: %w", c.ChunkOffset, c.UploadID, err)
	}
	return m.run.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.Exec("DELETE FROM core_migrated_chunks WHERE upload_id = ? AND chunk_offset = ? AND place = ?", c.UploadID, c.ChunkOffset, m.place.place).Error; err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO core_migrated_chunks (upload_id, chunk_offset, place, sha256, file)
			SELECT upload_id, chunk_offset, ?, sha256, ? FROM core_upload_chunks WHERE upload_id = ? AND chunk_offset = ? AND sha256 = ?`,
			m.place.place, key, c.UploadID, c.ChunkOffset, c.SHA256).Error
	})
}

// finish switches the domain over, unless something is left to be copied.
func (m *migration) finish(ctx context.Context, a migrateDomain) (done bool, err error) {
	err = m.run.InTx(ctx, func(tx *db.Tx) error {
		done = false
		if err := tx.LockRow("core_domains", a.Domain); err != nil {
			return err
		}
		if err := apart(ctx, tx.DB, m.Storages, a.Place, a.Domain); err != nil {
			return err
		}
		var left int64
		err := tx.Raw("SELECT (SELECT count(*)"+missing+") + (SELECT count(*)"+missingChunks+")",
			a.Domain, m.place.place, a.Domain, m.place.place).Scan(&left).Error
		if err != nil || left > 0 {
			return err
		}
		if err := m.turnUploads(tx); err != nil {
			return err
		}
		var row model.Domain
		if err := tx.Where("id = ?", a.Domain).Take(&row).Error; err != nil {
			return err
		}
		if err := a.Place.Keep(m.Box, &row); err != nil {
			return err
		}
		row.StorageStamp, row.PulpLastUpdated = ident.New(), model.Now()
		done = true
		return tx.Select("storage_class", "storage_options", "storage_settings", "storage_stamp", "pulp_last_updated").Save(&row).Error
	})
	return done && err == nil, err
}

// turnUploads lets the chunks lie where they were copied to. Those that are being received are given up: their bytes go
// to the old storage, and their senders are told to send them again.
func (m *migration) turnUploads(tx *db.Tx) error {
	const ours = "upload_id IN (SELECT id FROM core_uploads WHERE domain_id = ?)"
	for _, statement := range []struct {
		text string
		args []any
	}{
		{"DELETE FROM core_upload_chunks WHERE sha256 = '' AND " + ours, []any{m.place.domain}},
		{`UPDATE core_upload_chunks SET file = (SELECT n.file FROM core_migrated_chunks n WHERE n.upload_id = core_upload_chunks.upload_id
			AND n.chunk_offset = core_upload_chunks.chunk_offset AND n.place = ?) WHERE ` + ours, []any{m.place.place, m.place.domain}},
		{"UPDATE core_uploads SET assembled = NULL WHERE domain_id = ?", []any{m.place.domain}},
		{"DELETE FROM core_migrated_chunks WHERE " + ours, []any{m.place.domain}},
		{"DELETE FROM core_migrated_artifacts WHERE artifact_id IN (SELECT id FROM core_artifacts WHERE domain_id = ?)", []any{m.place.domain}},
	} {
		if err := tx.Exec(statement.text, statement.args...).Error; err != nil {
			return fmt.Errorf("switch over to the new storage: %w", err)
		}
	}
	return nil
}
