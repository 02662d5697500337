package s3

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

// maxTTL is the longest life of a link that S3 signs.
const maxTTL = 7 * 24 * time.Hour

// Sign gives a presigned URL; see storage.Signer. With Options.Region set it sends no request.
func (s *Storage) Sign(ctx context.Context, key string, o storage.SignOptions) (string, error) {
	object, err := s.object(ctx, key)
	if err != nil {
		return "", err
	}
	if o.TTL < time.Second || o.TTL > maxTTL {
		return "", errs.New(errs.Invalid, "a signed link cannot live for %s; use a time from one second to seven days", o.TTL)
	}
	method := o.Method
	if method == "" {
		method = http.MethodGet
	}
	if method != http.MethodGet && method != http.MethodHead {
		return "", errs.New(errs.Invalid, "a signed link for the method %q is not given out; use GET or HEAD", method)
	}
	link, err := s.core.Presign(ctx, method, s.options.Bucket, object, o.TTL, answer(o))
	if err != nil {
		return "", s.fault(ctx, "sign a link to", key, err)
	}
	return link.String(), nil
}

// answer gives the query parameters that set headers of the answer: S3 API reference, GetObject, "Overriding response
// header values through the request".
func answer(o storage.SignOptions) url.Values {
	query := url.Values{}
	if o.ContentType != "" {
		query.Set("response-content-type", o.ContentType)
	}
	if o.Filename != "" {
		query.Set("response-content-disposition", mime.FormatMediaType("attachment", map[string]string{"filename": o.Filename}))
	}
	return query
}

var _ storage.Signer = (*Storage)(nil)
