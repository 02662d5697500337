package s3

import (
	"context"
	"errors"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/packhouse/packhouse/core/storage"
)

// Clean ends uploads in parts that began before olderThan: their parts cost space, but no list shows them.
func (s *Storage) Clean(ctx context.Context, olderThan time.Time) (int, error) {
	stale, err := s.halfUploads(ctx, olderThan)
	if err != nil {
		return 0, err
	}
	for i, upload := range stale {
		err := s.core.AbortMultipartUpload(ctx, s.options.Bucket, upload.Key, upload.UploadID)
		if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchUpload {
			return i, s.fault(ctx, "end a half upload of", upload.Key, err)
		}
	}
	return len(stale), nil
}

// halfUploads reads the client's list to its end, also after an error: its goroutine ends in no other way.
func (s *Storage) halfUploads(ctx context.Context, olderThan time.Time) (stale []minio.ObjectMultipartInfo, err error) {
	for upload := range s.core.ListIncompleteUploads(ctx, s.options.Bucket, s.prefix, true) {
		switch {
		case upload.Err != nil:
			err = errors.Join(err, s.fault(ctx, "list half uploads under", s.prefix, upload.Err))
		case upload.Initiated.Before(olderThan):
			stale = append(stale, upload)
		}
	}
	return stale, errors.Join(err, storage.Alive(ctx))
}

var _ storage.Cleaner = (*Storage)(nil)
