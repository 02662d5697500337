package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// Chunk is a piece of an upload that was received and does not count yet. Cancel is safe to defer.
//
// Where the storage can write in place, a chunk goes straight into the file that will become the artifact, but only
// into a range that no other chunk has or is being written to: a chunk that counts is never overwritten by one that
// may be cut off. All others become blobs of their own, and are joined when the upload is committed. Once an upload has
// such a blob, all that follows are blobs: the blob may have taken the place of a claim whose writer is slow and not dead,
// and nobody may ever write beside him.
type Chunk struct {
	SHA256 string

	row     model.UploadChunk
	inPlace bool
	staged  storage.Staged
	store   *Store
	db      *db.DB
	saved   bool
}

// assembledKey is the storage key of the file that an upload's chunks are written into.
func assembledKey(upload string) string { return storage.PatchPrefix + upload }

// ReceiveChunk reads the bytes from first to last, inclusive, of an upload.
func (s *Store) ReceiveChunk(ctx context.Context, d *db.DB, u *model.Upload, first, last int64, r io.Reader) (*Chunk, error) {
	if first < 0 || last < first || last >= u.Size {
		return nil, errs.Messages("The range %d-%d does not lie within the upload's %d bytes.", first, last, u.Size)
	}
	c := &Chunk{store: s, db: d, row: model.UploadChunk{UploadID: u.ID, ChunkOffset: first, Size: last - first + 1}}
	if err := c.reserve(ctx); err != nil {
		return nil, err
	}
	if err := c.receive(ctx, r); err != nil {
		return nil, errors.Join(err, c.Cancel())
	}
	return c, nil
}

// reserve claims the range for writing in place when nobody else has it. A claim is a row without digest.
func (c *Chunk) reserve(ctx context.Context) error {
	if _, can := c.store.Storage.(storage.Patcher); !can {
		return nil
	}
	return c.db.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.LockRow("core_uploads", c.row.UploadID); err != nil {
			return err
		}
		var taken int64
		err := tx.Model(&model.UploadChunk{}).Where("upload_id = ? AND (file IS NOT NULL OR chunk_offset < ? AND chunk_offset + size > ?)",
			c.row.UploadID, c.row.ChunkOffset+c.row.Size, c.row.ChunkOffset).Limit(1).Count(&taken).Error
		if err != nil || taken > 0 {
			return err
		}
		c.inPlace = true
		return tx.Create(&c.row).Error
	})
}

func (c *Chunk) receive(ctx context.Context, r io.Reader) error {
	digest := sha256.New()
	body := &exactly{r: io.TeeReader(r, digest), left: c.row.Size}
	err := c.write(ctx, body)
	if err != nil {
		return receiving(err)
	}
	if body.left != 0 {
		return errs.Messages("Chunk size does not match content range: %d bytes are missing.", body.left)
	}
	c.SHA256 = sum(digest)
	return nil
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func (c *Chunk) write(ctx context.Context, r io.Reader) (err error) {
	if c.inPlace {
		_, err = c.store.Storage.(storage.Patcher).WriteAt(ctx, assembledKey(c.row.UploadID), c.row.ChunkOffset, r)
		return err
	}
	if c.staged, err = c.store.Storage.Stage(ctx); err != nil {
		return err
	}
	_, err = io.CopyBuffer(c.staged, storage.Reader(ctx, r), make([]byte, copyBlock))
	return err
}

// exactly reads left bytes and fails on the first one beyond.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		var one [1]byte
		n, err := e.r.Read(one[:])
		if n > 0 {
			return 0, errs.Messages("Chunk size does not match content range: there are more bytes than the range says.")
		}
		return 0, err
	}
	if int64(len(p)) > e.left {
		p = p[:e.left]
	}
	n, err := e.r.Read(p)
	e.left -= int64(n)
	return n, err
}

// Cancel gives up a chunk that was not saved.
func (c *Chunk) Cancel() error {
	if c.saved {
		return nil
	}
	c.saved = true
	if c.staged != nil {
		return c.staged.Cancel()
	}
	if !c.inPlace {
		return nil
	}
	// detached: the claim goes also when the client is gone
	ctx := context.Background()
	err := c.db.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.LockRow("core_uploads", c.row.UploadID); err != nil {
			return err
		}
		return tx.Where("upload_id = ? AND chunk_offset = ? AND sha256 = ''", c.row.UploadID, c.row.ChunkOffset).Delete(&model.UploadChunk{}).Error
	})
	return c.unlessDeleted(ctx, err)
}

// unlessDeleted clears away what this chunk wrote when the upload was deleted meanwhile, which is no error then.
func (c *Chunk) unlessDeleted(ctx context.Context, err error) error {
	if !errs.Is(err, errs.NotFound) {
		return err
	}
	key := assembledKey(c.row.UploadID)
	if c.row.File != nil {
		key = *c.row.File
	}
	return c.store.Storage.Delete(ctx, key)
}

// Save makes the chunk count. It replaces an earlier one at the same offset.
func (c *Chunk) Save(ctx context.Context) error {
	c.row.SHA256 = c.SHA256
	if c.staged != nil {
		key := ChunkKey(c.row.UploadID)
		if err := c.staged.Commit(ctx, key); err != nil {
			return err
		}
		c.row.File = &key
	}
	err := c.db.InTx(ctx, func(tx *db.Tx) error {
		if err := c.store.holds(tx); err != nil {
			return err
		}
		if err := tx.LockRow("core_uploads", c.row.UploadID); err != nil {
			return err
		}
		return c.replace(tx)
	})
	if errs.Is(err, errs.NotFound) {
		return errors.Join(errs.New(errs.NotFound, "the upload was deleted while the chunk came in; begin a new one"), c.unlessDeleted(context.WithoutCancel(ctx), err))
	}
	if err == nil {
		c.saved = true
	}
	return err
}

func (c *Chunk) replace(tx *db.Tx) error {
	mine := tx.Model(&model.UploadChunk{}).Where("upload_id = ? AND chunk_offset = ?", c.row.UploadID, c.row.ChunkOffset)
	if c.inPlace {
		done := mine.Where("sha256 = ''").Update("sha256", c.SHA256)
		if done.Error == nil && done.RowsAffected == 0 {
			return errs.New(errs.Conflict, "another request wrote the chunk at %d meanwhile; send it again", c.row.ChunkOffset)
		}
		if done.Error != nil {
			return done.Error
		}
		return tx.Model(&model.Upload{}).Where("id = ?", c.row.UploadID).Updates(map[string]any{"assembled": assembledKey(c.row.UploadID), "pulp_last_updated": model.Now()}).Error
	}
	var old []model.UploadChunk
	if err := tx.Where("upload_id = ? AND chunk_offset = ?", c.row.UploadID, c.row.ChunkOffset).Find(&old).Error; err != nil {
		return err
	}
	if err := tx.Where("upload_id = ? AND chunk_offset = ?", c.row.UploadID, c.row.ChunkOffset).Delete(&model.UploadChunk{}).Error; err != nil {
		return err
	}
	c.store.deleteAfter(tx, files(old)...)
	if err := tx.Create(&c.row).Error; err != nil {
		return err
	}
	return tx.Model(&model.Upload{}).Where("id = ?", c.row.UploadID).Update("pulp_last_updated", model.Now()).Error
}

func files(chunks []model.UploadChunk) []string {
	var keys []string
	for _, c := range chunks {
		if c.File != nil {
			keys = append(keys, *c.File)
		}
	}
	return keys
}

// deleteAfter removes blobs once the transaction that forgets them is committed. What cannot be removed then is
// unreferenced and falls to the clean-up.
func (s *Store) deleteAfter(tx *db.Tx, keys ...string) {
	if len(keys) == 0 {
		return
	}
	tx.AfterCommit(func(ctx context.Context) {
		for _, key := range keys {
			_ = s.Storage.Delete(context.WithoutCancel(ctx), key)
		}
	})
}

// DeleteUpload forgets an upload and the bytes that came with it.
func (s *Store) DeleteUpload(tx *db.Tx, id string) error {
	if err := tx.LockRow("core_uploads", id); err != nil {
		return err
	}
	chunks, err := Chunks(tx.DB, id)
	if err != nil {
		return err
	}
	keys := files(chunks)
	if _, can := s.Storage.(storage.Patcher); can {
		// Never u.Assembled: where an attempt to commit moved the file, an artifact may have it now.
		keys = append(keys, assembledKey(id))
	}
	s.deleteAfter(tx, keys...)
	return tx.Where("id = ?", id).Delete(&model.Upload{}).Error
}

// Chunks are the pieces of an upload that count, in order.
func Chunks(tx *gorm.DB, upload string) ([]model.UploadChunk, error) {
	var chunks []model.UploadChunk
	err := tx.Where("upload_id = ? AND sha256 <> ''", upload).Order("chunk_offset").Find(&chunks).Error
	return chunks, err
}

// Complete tells what is missing or doubled in the chunks of an upload.
func Complete(u *model.Upload, chunks []model.UploadChunk) error {
	var at int64
	for _, c := range chunks {
		if c.ChunkOffset > at {
			return errs.New(errs.Invalid, "the upload has a gap: bytes %d-%d are missing; send them and commit again", at, c.ChunkOffset-1)
		}
		if c.ChunkOffset < at {
			return errs.New(errs.Invalid, "chunks of the upload overlap at byte %d; delete the upload and send the file in chunks that do not", c.ChunkOffset)
		}
		at += c.Size
	}
	if at != u.Size {
		return errs.New(errs.Invalid, "the upload has a gap: bytes %d-%d are missing; send them and commit again", at, u.Size-1)
	}
	return nil
}
