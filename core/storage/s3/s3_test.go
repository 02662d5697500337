package s3

import (
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/storage/storagetest"
)

func TestStorage(t *testing.T) { // not parallel: see storagetest.Run
	storagetest.Run(t, func(t *testing.T) storage.Storage { return empty(t) })
}

// empty is a storage of its own in the bucket of the test server, whose address comes with the command that runs the tests.
func empty(t *testing.T) *Storage {
	t.Helper()
	server, err := url.Parse(os.Getenv("PACKHOUSE_TEST_S3"))
	if err != nil || server.User == nil {
		t.Fatal("PACKHOUSE_TEST_S3 is not set: run `make test`, it starts the servers that tests need")
	}
	secret, _ := server.User.Password()
	s, err := New(Options{
		Endpoint: server.Scheme + "://" + server.Host, Bucket: "packhouse-test", Region: "us-east-1", PathStyle: true,
		AccessKey: server.User.Username(), SecretKey: secret,
		Prefix: "run/" + strings.ToLower(time.Now().UTC().Format("150405.000000000")), SpoolDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { noSpool(t, s) })
	return s
}

// noSpool checks that the spool folder has no names in it, not even while a blob is staged.
func noSpool(t *testing.T, s *Storage) {
	t.Helper()
	left, err := os.ReadDir(s.options.SpoolDir)
	if err != nil || len(left) != 0 {
		t.Errorf("the spool folder holds %v, %v", left, err)
	}
}

func TestSpoolHasNoName(t *testing.T) {
	t.Parallel()
	s := empty(t)
	b, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	noSpool(t, s)
	if err := b.Cancel(); err != nil {
		t.Error(err)
	}
}

func TestEnsureTwice(t *testing.T) {
	t.Parallel()
	s := empty(t)
	s.options.Bucket = "packhouse-ensure"
	for range 2 {
		if err := s.Ensure(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestMissingBucket: a wrong bucket must not look like missing blobs, which a repair would fetch or forget.
func TestMissingBucket(t *testing.T) {
	t.Parallel()
	s := empty(t)
	s.options.Bucket = "packhouse-no-such-bucket"
	_, err := s.Stat(t.Context(), "a")
	wantKind(t, "Stat", err, errs.Unavailable)
	_, err = s.Open(t.Context(), "a", 0, -1)
	wantKind(t, "Open", err, errs.Unavailable)
	_, err = storage.Put(t.Context(), s, "a", strings.NewReader("x"))
	wantKind(t, "Put", err, errs.Unavailable)
	for _, err := range s.List(t.Context(), "") {
		wantKind(t, "List", err, errs.Unavailable)
	}
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	good := empty(t)
	o := good.options
	o.SecretKey = "wrong"
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "a"); !errs.Is(err, errs.Internal) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("Stat: %v", err)
	}
}

// TestCleanEndsHalfUploads: a process that was killed amid an upload in parts leaves parts behind.
func TestCleanEndsHalfUploads(t *testing.T) {
	t.Parallel()
	s := empty(t)
	if _, err := s.core.NewMultipartUpload(t.Context(), s.options.Bucket, s.prefix+"half", minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Clean(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("Clean of older ones = %d, %v; want 0", n, err)
	}
	if n, err := s.Clean(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("Clean = %d, %v; want 1", n, err)
	}
	if n, err := s.Clean(t.Context(), time.Now().Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("second Clean = %d, %v; want 0", n, err)
	}
}

func TestPrefixesAreApart(t *testing.T) {
	t.Parallel()
	one, two := empty(t), empty(t)
	if _, err := storage.Put(t.Context(), one, "a", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Stat(t.Context(), "a"); !errs.Is(err, errs.NotFound) {
		t.Errorf("Stat: %v", err)
	}
	for info, err := range two.List(t.Context(), "") {
		t.Errorf("List gives %+v, %v", info, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	good := Options{Endpoint: "https://s3.example.com", Bucket: "bucket", AccessKey: "a", SecretKey: "s"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Options){
		"no scheme":      func(o *Options) { o.Endpoint = "s3.example.com" },
		"other scheme":   func(o *Options) { o.Endpoint = "ftp://s3.example.com" },
		"path":           func(o *Options) { o.Endpoint += "/bucket" },
		"keys in URL":    func(o *Options) { o.Endpoint = "https://a:s@s3.example.com" },
		"no bucket":      func(o *Options) { o.Bucket = "" },
		"no access key":  func(o *Options) { o.AccessKey = "" },
		"no secret key":  func(o *Options) { o.SecretKey = "" },
		"climbing":       func(o *Options) { o.Prefix = "a/../b" },
		"negative tries": func(o *Options) { o.Tries = -1 },
	} {
		o := good
		spoil(&o)
		if _, err := New(o); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: got %v, want errs.Invalid", name, err)
		}
	}
}
