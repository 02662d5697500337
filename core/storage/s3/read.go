package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/packhouse/packhouse/core/storage"
)

// Open reads a part of a blob in one request. Reading fails with errs.Unavailable when the service breaks off.
func (s *Storage) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	object, err := s.object(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := storage.ValidSpan(offset, length); err != nil {
		return nil, err
	}
	if length == 0 {
		return s.openNothing(ctx, key, offset)
	}
	return s.get(ctx, key, object, offset, length)
}

// openNothing opens zero bytes, which no range of HTTP can ask for.
func (s *Storage) openNothing(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	info, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if _, err := storage.Span(key, info.Size, offset, 0); err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader("")), nil
}

func (s *Storage) get(ctx context.Context, key, object string, offset, length int64) (io.ReadCloser, error) {
	var o minio.GetObjectOptions
	asked := rangeOf(offset, length)
	if asked != "" {
		o.Set("Range", asked)
	}
	content, _, header, err := s.core.GetObject(ctx, s.options.Bucket, object, o)
	if minio.ToErrorResponse(err).Code == minio.InvalidRange {
		if offset > 0 {
			return nil, storage.BeyondEnd(key, offset)
		}
		return s.openNothing(ctx, key, offset) // the beginning of an empty blob
	}
	if err != nil {
		return nil, s.fault(ctx, "read", key, err)
	}
	if asked != "" && !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)) {
		_ = content.Close()
		return nil, s.fault(ctx, "read", key, errIgnoredRange)
	}
	return &body{ctx: ctx, storage: s, key: key, content: content}, nil
}

// Stat tells size and time of a blob.
func (s *Storage) Stat(ctx context.Context, key string) (storage.Info, error) {
	object, err := s.object(ctx, key)
	if err != nil {
		return storage.Info{}, err
	}
	info, err := s.core.StatObject(ctx, s.options.Bucket, object, minio.StatObjectOptions{})
	if minio.ToErrorResponse(err).StatusCode == status404 {
		return storage.Info{}, s.missing(ctx, key, err)
	}
	if err != nil {
		return storage.Info{}, s.fault(ctx, "look at", key, err)
	}
	return storage.Info{Key: key, Size: info.Size, ModTime: info.LastModified}, nil
}

// Delete removes a blob; S3 answers alike whether there was one or not.
func (s *Storage) Delete(ctx context.Context, key string) error {
	object, err := s.object(ctx, key)
	if err != nil {
		return err
	}
	err = s.core.RemoveObject(ctx, s.options.Bucket, object, minio.RemoveObjectOptions{})
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil
	}
	return s.fault(ctx, "delete", key, err)
}

// missing makes sure that it is the blob that is missing: a wrong bucket must never look like the loss of every blob.
func (s *Storage) missing(ctx context.Context, key string, cause error) error {
	found, err := s.core.BucketExists(ctx, s.options.Bucket)
	if err != nil {
		return s.fault(ctx, "look for the bucket of", key, err)
	}
	if !found {
		return s.noBucket(cause)
	}
	return storage.Missing(key, cause)
}

var errIgnoredRange = errors.New("the service answered another range than was asked for")

// rangeOf gives the Range header of RFC 9110 §14.2; "" for the whole blob.
func rangeOf(offset, length int64) string {
	switch {
	case length > 0:
		return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	case offset > 0:
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return ""
}

// body is the content of an answer. The HTTP client counts: an answer that ends early is an error and not an end.
type body struct {
	ctx     context.Context
	storage *Storage
	key     string
	content io.ReadCloser
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.content.Read(p)
	if errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	return n, b.storage.fault(b.ctx, "read", b.key, err)
}

func (b *body) Close() error { return b.content.Close() }

var _ storage.Storage = (*Storage)(nil)
