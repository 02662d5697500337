package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// Assemble reads all chunks of an upload as one file: hashed, not visible yet. It holds no transaction, since that may
// take long. The upload is forgotten by Consume.
func (s *Store) Assemble(ctx context.Context, d *db.DB, upload string) (*Received, error) {
	var u model.Upload
	if err := d.Read(ctx).Where("id = ?", upload).Limit(1).Find(&u).Error; err != nil {
		return nil, err
	}
	if u.ID == "" {
		return nil, errs.New(errs.NotFound, "the upload does not exist any more")
	}
	chunks, err := Chunks(d.Read(ctx), upload)
	if err != nil {
		return nil, err
	}
	if err := Complete(&u, chunks); err != nil {
		return nil, err
	}
	if u.Assembled != nil && len(files(chunks)) == 0 {
		return s.hashInPlace(ctx, &u)
	}
	return s.Receive(ctx, &joined{ctx: ctx, store: s, upload: &u, chunks: chunks})
}

func (s *Store) hashInPlace(ctx context.Context, u *model.Upload) (*Received, error) {
	file, err := s.Storage.Open(ctx, *u.Assembled, 0, -1)
	if err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	defer func() { _ = file.Close() }() // opened for reading
	hasher := NewHasher(s.Algorithms...)
	defer hasher.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{hasher}, storage.Reader(ctx, file), make([]byte, copyBlock)); err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	digests, size := hasher.Sum()
	if size != u.Size {
		return nil, errs.New(errs.Internal, "the uploaded file has %d bytes where its chunks have %d", size, u.Size)
	}
	return &Received{Digests: digests, Size: size, store: s, bytes: adopted{s.Storage.(storage.Patcher), *u.Assembled}}, nil
}

// adopted is the file that chunks were written into, on its way to its final key.
type adopted struct {
	patcher storage.Patcher
	from    string
}

func (a adopted) Commit(ctx context.Context, key string) error {
	return a.patcher.Adopt(ctx, a.from, key)
}

// Cancel leaves the file: the upload still has it.
func (a adopted) Cancel() error { return nil }

// joined reads the chunks of an upload one after the other.
type joined struct {
	ctx    context.Context
	store  *Store
	upload *model.Upload
	chunks []model.UploadChunk
	open   io.ReadCloser
}

func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.open == nil {
			if len(j.chunks) == 0 {
				return 0, io.EOF
			}
			if err := j.next(); err != nil {
				return 0, err
			}
		}
		n, err := j.open.Read(p)
		if errors.Is(err, io.EOF) {
			err = j.open.Close()
			j.open = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (j *joined) next() (err error) {
	c := j.chunks[0]
	j.chunks = j.chunks[1:]
	if c.File != nil {
		j.open, err = j.store.Storage.Open(j.ctx, *c.File, 0, c.Size)
	} else {
		j.open, err = j.store.Storage.Open(j.ctx, *j.upload.Assembled, c.ChunkOffset, c.Size)
	}
	if err != nil {
		return fmt.Errorf("read the chunk at %d: %w", c.ChunkOffset, err)
	}
	return nil
}

var (
	_ io.Reader = (*joined)(nil)
	_ pending   = adopted{}
)
