package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

// full holds the codes that services answer when a quota or their disks are used up.
func full(code string) bool {
	switch code {
	case "QuotaExceeded", "XMinioStorageFull", "XMinioBucketQuotaExceeded", "XMinioAdminBucketQuotaExceeded",
		"InsufficientStorage", "StorageFull", "ServiceQuotaExceeded":
		return true
	}
	return false
}

// fault gives an error of the client a kind; doing says what was being done to the key. nil stays nil. The text of the
// cause, which may name addresses inside the network, goes to the log but not into the message.
func (s *Storage) fault(ctx context.Context, doing, key string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return storage.Alive(ctx)
	}
	answer, answered := errors.AsType[minio.ErrorResponse](err)
	if !answered {
		return unavailable("the object storage cannot be reached or broke off", doing, key, err)
	}
	switch code, status := answer.Code, answer.StatusCode; {
	case code == minio.NoSuchKey:
		return storage.Missing(key, err)
	case code == minio.NoSuchBucket:
		return s.noBucket(err)
	case full(code) || status == http.StatusInsufficientStorage:
		return &errs.Error{Kind: errs.StorageFull, Err: err,
			Msg: "the object storage is full; raise the quota of the bucket or free space, then try again"}
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return unavailable("the object storage is out of order or overloaded", doing, key, err)
	case code == "OperationAborted":
		return unavailable("the object storage is busy with another change of the same blob", doing, key, err)
	case status == http.StatusConflict:
		return &errs.Error{Kind: errs.Conflict, Err: err,
			Msg: fmt.Sprintf("the object storage cannot %s %q because something is in its way (%s); use another key", doing, key, code)}
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return &errs.Error{Kind: errs.Internal, Err: err,
			Msg: fmt.Sprintf("the object storage does not allow to %s %q; check the access key, the secret key and the rights on the bucket", doing, key)}
	}
	return errs.New(errs.Internal, "the object storage refused to %s %q (%s); check its settings: %w", doing, key, answer.Code, err)
}

func unavailable(what, doing, key string, cause error) error {
	return &errs.Error{Kind: errs.Unavailable, Err: cause, Msg: fmt.Sprintf("%s while it was asked to %s %q; try again later", what, doing, key)}
}

// noBucket is Unavailable rather than NotFound, so that nobody takes a wrong setting for lost blobs.
func (s *Storage) noBucket(cause error) error {
	return &errs.Error{Kind: errs.Unavailable, Err: cause,
		Msg: fmt.Sprintf("the object storage has no bucket %q; make it or correct the setting", s.options.Bucket)}
}
