package node

import (
	"context"
	"fmt"
	"io"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/storage/s3"
)

// OpenStorage opens the storage of the settings and makes its folder or bucket if there is none. An object storage that
// does not answer is errs.Unavailable.
func OpenStorage(ctx context.Context, s config.Settings) (storage.Storage, error) {
	if s.Storage.Backend != "s3" {
		folder, err := fs.New(s.Storage.Location)
		if err != nil {
			return nil, err
		}
		return folder, nil
	}
	o := s.Storage.S3
	bucket, err := s3.New(s3.Options{
		Endpoint: o.Endpoint, Bucket: o.Bucket, Region: o.Region, AccessKey: o.AccessKey, SecretKey: o.SecretKey.Reveal(),
		Prefix: o.Prefix, PathStyle: o.PathStyle, SpoolDir: s.WorkingDirectory,
	})
	if err != nil {
		return nil, fmt.Errorf("use the object storage of storage.s3: %w", err)
	}
	if err := bucket.Ensure(ctx); err != nil {
		return nil, fmt.Errorf("open the object storage %s: %w", o.Endpoint, err)
	}
	return bucket, nil
}

// CloseStorage lets go of what the storage holds open.
func CloseStorage(s storage.Storage) error {
	if c, ok := s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// algorithms are the digests that the settings name; they were checked when the settings were loaded.
func algorithms(s config.Settings) ([]artifact.Algorithm, error) {
	var all []artifact.Algorithm
	for _, name := range s.AllowedContentChecksums {
		a, err := artifact.ParseAlgorithm(name)
		if err != nil {
			return nil, fmt.Errorf("allowed_content_checksums: %w", err)
		}
		all = append(all, a)
	}
	return all, nil
}
