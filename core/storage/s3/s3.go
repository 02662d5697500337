// Package s3 keeps blobs as objects in a bucket of any S3 service.
//
// A blob is spooled to a local file first, because its key follows from its content, and then put once with a known size:
// no staging object, no copy on the server. Objects above partSize go up in parts. Memory stays bounded whatever the size
// of a blob. This is the only package that knows minio-go.
package s3

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
)

// defaultTries is how often a request is sent when the service is unreachable or answers 5xx.
const defaultTries = 4

// Options say where the bucket is. Endpoint, Bucket, AccessKey and SecretKey are required.
type Options struct {
	// Endpoint is the URL of the service with http or https, such as https://s3.eu-central-1.amazonaws.com.
	Endpoint string
	// Bucket holds the blobs; Ensure makes it.
	Bucket string
	// Region of the bucket; empty asks the service once.
	Region string
	// AccessKey and SecretKey sign the requests.
	AccessKey, SecretKey string
	// Prefix is put before every key, so that several installations can share a bucket; empty for none.
	Prefix string
	// PathStyle asks for http://host/bucket/key instead of http://bucket.host/key; most services of one's own need it.
	PathStyle bool
	// SpoolDir is the local folder for blobs on their way, made if it does not exist; empty means the system's temporary
	// folder.
	SpoolDir string
	// SessionToken goes with temporary keys; may be empty.
	SessionToken string
	// Dial makes the connections, for those who must not reach every address; nil is the ordinary way. With it no proxy
	// of the environment is used.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Tries is how often a request is sent before it fails; 0 means 4.
	Tries int
}

// Storage is a storage.Storage on an S3 bucket. Make one with New.
type Storage struct {
	core    *minio.Core
	options Options
	prefix  string // "" or with a slash at the end
}

// New checks the options, makes the spool folder and prepares a client; it sends nothing yet.
func New(o Options) (*Storage, error) {
	endpoint, err := o.check()
	if err != nil {
		return nil, err
	}
	if o.Tries == 0 {
		o.Tries = defaultTries
	}
	lookup := minio.BucketLookupAuto
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	transport, err := o.transport(endpoint.Scheme == "https")
	if err != nil {
		return nil, err
	}
	core, err := minio.NewCore(endpoint.Host, &minio.Options{
		Transport:    transport,
		Creds:        credentials.NewStaticV4(o.AccessKey, o.SecretKey, o.SessionToken),
		Secure:       endpoint.Scheme == "https",
		Region:       o.Region,
		BucketLookup: lookup,
		MaxRetries:   o.Tries,
		// Services of one's own refuse checksums in trailers although they are right.
		TrailingHeaders: false,
	})
	if err != nil {
		return nil, errs.New(errs.Invalid, "cannot use the object storage at %s; check its settings: %w", o.Endpoint, err)
	}
	if o.SpoolDir != "" {
		if err := os.MkdirAll(o.SpoolDir, 0o700); err != nil {
			return nil, spoolFault("make the folder for", err)
		}
	}
	s := &Storage{core: core, options: o}
	if o.Prefix != "" {
		s.prefix = strings.Trim(o.Prefix, "/") + "/"
	}
	return s, nil
}

// Ensure makes the bucket if it does not exist. Call it at the first start; it also shows that address and keys are right.
func (s *Storage) Ensure(ctx context.Context) error {
	found, err := s.core.BucketExists(ctx, s.options.Bucket)
	if err != nil {
		return s.fault(ctx, "look for the bucket", s.options.Bucket, err)
	}
	if found {
		return nil
	}
	err = s.core.MakeBucket(ctx, s.options.Bucket, minio.MakeBucketOptions{Region: s.options.Region})
	if minio.ToErrorResponse(err).Code == minio.BucketAlreadyOwnedByYou {
		return nil // another process was faster
	}
	return s.fault(ctx, "make the bucket", s.options.Bucket, err)
}

// transport is nil, which is the library's own, unless connections are made in a way of their own.
func (o Options) transport(secure bool) (http.RoundTripper, error) {
	if o.Dial == nil {
		return nil, nil
	}
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, errs.New(errs.Internal, "prepare connections to the object storage at %s: %w", o.Endpoint, err)
	}
	transport.DialContext, transport.Proxy = o.Dial, nil
	return transport, nil
}

func (o Options) check() (*url.URL, error) {
	endpoint, err := url.Parse(o.Endpoint)
	if err != nil || endpoint.Host == "" || (endpoint.Scheme != "http" && endpoint.Scheme != "https") {
		return nil, errs.Field("endpoint", "use a URL with http or https and a host, such as https://s3.example.com")
	}
	if strings.Trim(endpoint.Path, "/") != "" || endpoint.User != nil || endpoint.RawQuery != "" {
		return nil, errs.Field("endpoint", "use only scheme, host and port; bucket, prefix and keys have settings of their own")
	}
	for name, value := range map[string]string{"bucket": o.Bucket, "access_key": o.AccessKey, "secret_key": o.SecretKey} {
		if value == "" {
			return nil, errs.Field(name, "is required for the object storage")
		}
	}
	if prefix := strings.Trim(o.Prefix, "/"); prefix != "" && storage.ValidKey("x/"+prefix) != nil {
		return nil, errs.Field("prefix", "use plain folder names with slashes between them")
	}
	if o.Tries < 0 {
		return nil, errs.Field("tries", "use a number from 1")
	}
	return endpoint, nil
}

// object gives the object name of a key that is valid and short enough together with the prefix.
func (s *Storage) object(ctx context.Context, key string) (string, error) {
	if err := storage.ValidKey(key); err != nil {
		return "", err
	}
	if len(s.prefix)+len(key) > storage.MaxKey {
		return "", errs.New(errs.Invalid, "the storage key and the prefix %q are together longer than %d bytes; use a shorter prefix", s.prefix, storage.MaxKey)
	}
	return s.prefix + key, storage.Alive(ctx)
}

// status404 is what a HEAD answers for a missing object and for a missing bucket alike: it has no body to tell which.
const status404 = http.StatusNotFound
