package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"

	"github.com/minio/minio-go/v7"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

const (
	// partSize is the size of the parts of a big object; S3 allows 10,000 parts, minio-go makes them bigger if need be.
	partSize = 64 << 20
	// partThreads is how many parts are on their way at once. Parts are read from the spool file, not from memory.
	partThreads = 3
)

// Stage begins a blob in a local spool file.
func (s *Storage) Stage(ctx context.Context) (storage.Staged, error) {
	if err := storage.Alive(ctx); err != nil {
		return nil, err
	}
	file, err := newSpool(s.options.SpoolDir)
	if err != nil {
		return nil, err
	}
	return &staged{storage: s, file: file}, nil
}

// staged is a blob in a spool file without a name, so that a killed process leaves nothing.
type staged struct {
	storage *Storage
	file    *spool
	size    int64
	broken  error // why the bytes cannot be trusted any more
	done    bool  // committed or canceled
}

func (b *staged) Write(p []byte) (int, error) {
	if err := b.usable(); err != nil {
		return 0, err
	}
	n, err := b.file.Write(p)
	b.size += int64(n)
	if err != nil {
		b.broken = spoolFault("write", err)
		return n, b.broken
	}
	return n, nil
}

func (b *staged) Size() int64 { return b.size }

func (b *staged) Commit(ctx context.Context, key string) error {
	object, err := b.storage.object(ctx, key)
	if err != nil {
		return err
	}
	if err := b.usable(); err != nil {
		return err
	}
	if err := b.put(ctx, object); err != nil {
		return b.storage.fault(ctx, "store", key, err)
	}
	return b.drop()
}

func (b *staged) Cancel() error {
	if b.done {
		return nil
	}
	return b.drop()
}

// put sends the spool file. A section hides the file's Close from the client, which would call it.
func (b *staged) put(ctx context.Context, object string) error {
	// The threads that send parts end with ctx only, also after one of them failed.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: partSize, NumThreads: partThreads}
	if b.size == 0 {
		return b.storage.putEmpty(ctx, object, o)
	}
	_, err := b.storage.core.Client.PutObject(ctx, b.storage.options.Bucket, object, io.NewSectionReader(b.file, 0, b.size), b.size, o)
	return err
}

// putEmpty sends no body at all. Over plain HTTP the client would sign an empty stream in a frame, and a service that does
// not read the frame of nothing takes it for the next request of the connection.
func (s *Storage) putEmpty(ctx context.Context, object string, o minio.PutObjectOptions) error {
	o.DisableContentSha256 = true
	sum := sha256.Sum256(nil)
	_, err := s.core.PutObject(ctx, s.options.Bucket, object, http.NoBody, 0, "", hex.EncodeToString(sum[:]), o)
	return err
}

// Peek keeps the spool file for a reader.
func (b *staged) Peek() (storage.Peeked, error) {
	if err := b.usable(); err != nil {
		return nil, err
	}
	b.file.users.Add(1)
	return &peeked{spool: b.file}, nil
}

// drop lets go of the spool file.
func (b *staged) drop() error {
	b.done = true
	return b.file.release()
}

func (b *staged) usable() error {
	if b.done {
		return fmt.Errorf("use a blob after it was committed or canceled: %w", os.ErrClosed)
	}
	return b.broken
}

func spoolFault(doing string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &errs.Error{Kind: errs.StorageFull, Err: err,
			Msg: "the spool folder for uploads is full; free space on its disk or choose a bigger spool folder, then try again"}
	}
	return errs.New(errs.Internal, "cannot %s a spool file for an upload; check the spool folder and who may write there: %w", doing, err)
}

var _ storage.Peeker = (*staged)(nil)
