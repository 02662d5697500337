package s3

import (
	"context"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/packhouse/packhouse/core/storage"
)

// List walks the blobs, one request for every thousand; S3 orders by the bytes of the key.
func (s *Storage) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		if err := storage.ValidPrefix(prefix); err != nil {
			yield(storage.Info{}, err)
			return
		}
		options := minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}
		for object := range s.core.ListObjectsIter(ctx, s.options.Bucket, options) {
			if object.Err != nil {
				yield(storage.Info{}, s.fault(ctx, "list", prefix, object.Err))
				return
			}
			if info, ours := s.info(object); ours && !yield(info, nil) {
				return
			}
		}
		// The client ends the list without an error when ctx ends: half a list must not look like a whole one.
		if err := storage.Alive(ctx); err != nil {
			yield(storage.Info{}, err)
		}
	}
}

// info gives the blob of an object; an object with a name that no key has, such as the folder marks that consoles make,
// is not ours.
func (s *Storage) info(object minio.ObjectInfo) (storage.Info, bool) {
	key := strings.TrimPrefix(object.Key, s.prefix)
	return storage.Info{Key: key, Size: object.Size, ModTime: object.LastModified}, storage.ValidKey(key) == nil
}
