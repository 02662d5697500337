package artifact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// Assemble reads all chunks of an upload as one file: hashed, not visible yet. Each chunk must still have the digest with
// which it was acknowledged. It holds no transaction while it reads, since that may take long. DeleteUpload, in the
// transaction of Save, forgets the upload; when that transaction fails, Assemble works again.
//
// A gap and an overlap are errs.Invalid, a chunk that was damaged is errs.Conflict, an upload that is gone errs.NotFound.
func (s *Store) Assemble(ctx context.Context, d *db.DB, upload string) (*Received, error) {
	file, err := s.assemble(ctx, d, upload)
	if !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.Invalid) {
		return file, err
	}
	// Chunks may be missing because another one is consuming the upload: wait for him and look again.
	if err := d.InTx(ctx, func(tx *db.Tx) error { return HoldUpload(tx, upload) }); err != nil {
		return nil, err
	}
	return s.assemble(ctx, d, upload)
}

func (s *Store) assemble(ctx context.Context, d *db.DB, upload string) (*Received, error) {
	u, err := find(ctx, d, upload)
	if err != nil {
		return nil, err
	}
	chunks, err := Chunks(d.Read(ctx), upload)
	if err != nil {
		return nil, err
	}
	if err := Complete(u, chunks); err != nil {
		return nil, err
	}
	return s.join(ctx, d, &joined{ctx: ctx, store: s, upload: u, chunks: chunks})
}

func find(ctx context.Context, d *db.DB, upload string) (*model.Upload, error) {
	var u model.Upload
	err := d.Read(ctx).Where("id = ?", upload).Limit(1).Find(&u).Error
	if err == nil && u.ID == "" {
		err = consumed()
	}
	return &u, err
}

func (s *Store) join(ctx context.Context, d *db.DB, all *joined) (*Received, error) {
	defer func() { _ = all.close() }() // opened for reading
	if _, can := s.Storage.(storage.Patcher); can && len(all.chunks) > 0 && len(files(all.chunks)) == 0 {
		return s.hashInPlace(ctx, d, all)
	}
	return s.Receive(ctx, all)
}

func consumed() error {
	return errs.New(errs.NotFound, "the upload does not exist any more")
}

// HoldUpload takes an upload for the transaction alone, before Save: of several that assembled it one gets it, and the
// others are told errs.NotFound once that one has consumed it.
func HoldUpload(tx *db.Tx, upload string) error {
	if err := tx.LockRow("core_uploads", upload); errs.Is(err, errs.NotFound) {
		return consumed()
	} else if err != nil {
		return err
	}
	return nil
}

// Consumed forgets the upload that was assembled to this file, in the transaction of its Save.
func (r *Received) Consumed(tx *db.Tx, upload string) error { return r.store.DeleteUpload(tx, upload) }

// hashInPlace hashes the file that chunks were written into. Before it is moved, the upload notes where to: a process
// that dies between the move and the commit of the artifact's row leaves an upload that can be assembled again.
func (s *Store) hashInPlace(ctx context.Context, d *db.DB, all *joined) (*Received, error) {
	hasher := NewHasher(s.Algorithms...)
	defer hasher.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{hasher}, storage.Reader(ctx, all), make([]byte, copyBlock)); err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	digests, size := hasher.Sum()
	key := s.key(digests[SHA256])
	err := d.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.LockRow("core_uploads", all.upload.ID); err != nil {
			return err
		}
		return tx.Model(&model.Upload{}).Where("id = ?", all.upload.ID).Update("assembled", key).Error
	})
	if err != nil {
		return nil, fmt.Errorf("note where the uploaded file goes: %w", err)
	}
	return &Received{Digests: digests, Size: size, store: s, bytes: &adopted{store: s, from: all.from}}, nil
}

// assembled opens a part of the file that chunks were written into: at its first place, or where an attempt to commit it
// has moved it.
func (s *Store) assembled(ctx context.Context, u *model.Upload, offset, length int64) (io.ReadCloser, string, error) {
	key := assembledKey(u.ID)
	r, err := s.Storage.Open(ctx, key, offset, length)
	if errs.Is(err, errs.NotFound) && u.Assembled != nil && *u.Assembled != key {
		key = *u.Assembled
		r, err = s.Storage.Open(ctx, key, offset, length)
	}
	return r, key, err
}

// OpenChunk reads the bytes of a chunk that counts, wherever they lie.
func (s *Store) OpenChunk(ctx context.Context, u *model.Upload, c *model.UploadChunk) (io.ReadCloser, error) {
	if c.File != nil {
		return s.Storage.Open(ctx, *c.File, 0, c.Size)
	}
	r, _, err := s.assembled(ctx, u, c.ChunkOffset, c.Size)
	return r, err
}

// ChunkKey makes a key for a chunk of an upload that is a blob of its own.
func ChunkKey(upload string) string {
	return storage.PatchPrefix + "chunks/" + upload + "." + ident.New()
}

// adopted is the file that chunks were written into, on its way to its final key.
type adopted struct {
	store *Store
	from  string
}

// Commit moves the file. One that an earlier attempt has moved is there already, or is copied when it belongs elsewhere.
func (a *adopted) Commit(ctx context.Context, key string) error {
	if a.from == key {
		return nil
	}
	if !strings.HasPrefix(a.from, storage.PatchPrefix) {
		return a.copy(ctx, key)
	}
	if err := a.store.Storage.(storage.Patcher).Adopt(ctx, a.from, key); err != nil {
		return err
	}
	a.from = key
	return nil
}

func (a *adopted) copy(ctx context.Context, key string) (err error) {
	r, err := a.store.Storage.Open(ctx, a.from, 0, -1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = storage.Put(ctx, a.store.Storage, key, r)
	return err
}

// Cancel leaves the file: the upload still has it.
func (a *adopted) Cancel() error { return nil }

// joined reads the chunks of an upload one after the other.
type joined struct {
	ctx    context.Context
	store  *Store
	upload *model.Upload
	chunks []model.UploadChunk
	from   string // where the file was that chunks were written into

	open   io.ReadCloser // the first of chunks, nil before it is opened
	digest hash.Hash
}

func (j *joined) Read(p []byte) (int, error) {
	for {
		if len(j.chunks) == 0 {
			return 0, io.EOF
		}
		if j.open == nil {
			if err := j.next(); err != nil {
				return 0, err
			}
		}
		n, err := j.open.Read(p)
		j.digest.Write(p[:n])
		if errors.Is(err, io.EOF) {
			err = j.end()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (j *joined) next() (err error) {
	c := j.chunks[0]
	if c.File != nil {
		j.open, err = j.store.Storage.Open(j.ctx, *c.File, 0, c.Size)
	} else {
		j.open, j.from, err = j.store.assembled(j.ctx, j.upload, c.ChunkOffset, c.Size)
	}
	j.digest = sha256.New()
	if err != nil {
		j.open = nil
	}
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Range) {
		return damaged(c, err)
	}
	if err != nil {
		return fmt.Errorf("read the chunk at %d: %w", c.ChunkOffset, err)
	}
	return nil
}

// end compares a chunk that was read with what its sender was told: it may have been lost with the power.
func (j *joined) end() error {
	c := j.chunks[0]
	j.chunks = j.chunks[1:]
	if sum(j.digest) != c.SHA256 {
		return errors.Join(damaged(c, nil), j.close())
	}
	return j.close()
}

func (j *joined) close() (err error) {
	if j.open != nil {
		err = j.open.Close()
		j.open = nil
	}
	return err
}

func damaged(c model.UploadChunk, cause error) error {
	return &errs.Error{Kind: errs.Conflict, Err: cause,
		Msg: fmt.Sprintf("the chunk of %d bytes at %d was lost or damaged after it was received; send it again, or delete the upload", c.Size, c.ChunkOffset)}
}

var (
	_ io.Reader = (*joined)(nil)
	_ pending   = (*adopted)(nil)
)
