package content

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/storage/s3"
	"github.com/packhouse/packhouse/core/testkit"
)

// TestAFileThatChangesWhileItIsSent: one that becomes shorter ends in a way that nobody takes for its end, over all versions
// of HTTP; one that is removed goes on to its end. The next request is told.
func TestAFileThatChangesWhileItIsSent(t *testing.T) {
	t.Parallel()
	const size = 16 << 20 // more than the buffers of a connection
	text := string(bytes.Repeat([]byte("0123456789abcdef"), size/16))
	for name, c := range map[string]struct {
		request string
		change  func(file string) error
		broken  bool
	}{
		"shorter, HTTP/1.0":            {"HTTP/1.0\r\n", func(f string) error { return os.Truncate(f, size/2) }, true},
		"shorter, HTTP/1.0 keep-alive": {"HTTP/1.0\r\nConnection: keep-alive\r\n", func(f string) error { return os.Truncate(f, size/2) }, true},
		"shorter, HTTP/1.1":            {"HTTP/1.1\r\nHost: x\r\n", func(f string) error { return os.Truncate(f, size/2) }, true},
		"shorter, part":                {"HTTP/1.1\r\nHost: x\r\nRange: bytes=1-\r\n", func(f string) error { return os.Truncate(f, size/2) }, true},
		"shorter, parts":               {"HTTP/1.1\r\nHost: x\r\nRange: bytes=1-10,20-\r\n", func(f string) error { return os.Truncate(f, size/2) }, true},
		"emptied":                      {"HTTP/1.1\r\nHost: x\r\n", func(f string) error { return os.Truncate(f, 0) }, true},
		"removed":                      {"HTTP/1.1\r\nHost: x\r\n", os.Remove, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil, nil)
			a := s.add("f", text)
			conn := s.send("GET " + prefix + "f " + c.request + "\r\n")
			begun := make([]byte, 1<<20)
			_, err := io.ReadFull(conn, begun)
			must(t, err)
			must(t, c.change(filepath.Join(s.dir, a.File)))
			if c.broken {
				if n, err := io.Copy(io.Discard, conn); !brokenOff(err) || n > size*3/4 {
					t.Errorf("after %d more bytes it ended with %v", n, err)
				}
				if s.awaitAccess(prefix + "f")["broken_off"] == nil {
					t.Error("it is not logged as broken off")
				}
			} else if n, err := io.CopyN(io.Discard, conn, size-int64(len(begun))); err != nil {
				t.Errorf("after %d more bytes it ended with %v", n, err)
			}
			_ = conn.Close()
			if next := s.ask("GET", prefix+"f", nil); next.StatusCode != 500 {
				t.Errorf("the next request is answered %d", next.StatusCode)
			}
			must(t, os.WriteFile(filepath.Join(s.dir, a.File), []byte(text), 0o600))
			if next := s.ask("GET", prefix+"f", nil); next.StatusCode != 200 || string(next.body) != text {
				t.Errorf("when it is there again it is answered %d", next.StatusCode)
			}
		})
	}
}

// bucketFault does something to what the object storage answers with.
type bucketFault func(r *http.Response)

// sickBucket is an object storage that answers GET with a fault as long as there is one.
type sickBucket struct {
	fault atomic.Pointer[bucketFault]
	hits  atomic.Int64
}

// reading is the body of a fault: so many bytes of a body, and then an end of its kind.
type reading struct {
	io.ReadCloser
	left int64
	end  func() error
}

func (r *reading) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, r.end()
	}
	n, err := r.ReadCloser.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

// front puts the sick one before a real one.
func (b *sickBucket) front(t *testing.T, endpoint string) string {
	t.Helper()
	to, err := url.Parse(endpoint)
	must(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host // the name of the host is signed and stays
		},
		ModifyResponse: func(r *http.Response) error {
			if fault := b.fault.Load(); fault != nil && r.Request.Method == http.MethodGet {
				b.hits.Add(1)
				(*fault)(r)
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return serveOn(t, proxy.ServeHTTP)
}

// TestAnObjectStorageThatFails in the middle of a body, or that lies about it: what a client gets is right, or is broken off,
// or is an error; and right again as soon as the storage is.
func TestAnObjectStorageThatFails(t *testing.T) {
	t.Parallel()
	endpoint, access, secret, bucket := testkit.S3(t)
	sick := &sickBucket{}
	blobs, err := s3.New(s3.Options{Endpoint: sick.front(t, endpoint), AccessKey: access, SecretKey: secret, Bucket: bucket, PathStyle: true, SpoolDir: t.TempDir(), Tries: 2})
	must(t, err)
	must(t, blobs.Ensure(t.Context()))
	release := make(chan bool)
	length := func(r *http.Response, n int64) {
		r.ContentLength = n
		r.Header.Set("Content-Length", strconv.FormatInt(n, 10))
	}
	abort := func() error { panic(http.ErrAbortHandler) }
	faults := map[string]bucketFault{
		"reset":       func(r *http.Response) { r.Body = &reading{r.Body, 300_000, abort} },
		"reset early": func(r *http.Response) { r.Body = &reading{r.Body, 1, abort} },
		"error": func(r *http.Response) {
			r.StatusCode, r.Status = 500, "500 Internal Server Error"
			r.Body = io.NopCloser(bytes.NewReader(nil))
			length(r, 0)
		},
		"gone": func(r *http.Response) {
			r.StatusCode, r.Status = 404, "404 Not Found"
			r.Body = io.NopCloser(bytes.NewReader(nil))
			length(r, 0)
		},
		"short, and says so": func(r *http.Response) {
			r.Body = &reading{r.Body, r.ContentLength / 2, func() error { return io.EOF }}
			length(r, r.ContentLength/2)
		},
		"long": func(r *http.Response) {
			r.Body = io.NopCloser(io.MultiReader(r.Body, bytes.NewReader(make([]byte, 1000))))
			length(r, r.ContentLength+1000)
		},
		"stalls": func(r *http.Response) {
			r.Body = &reading{r.Body, 300_000, func() error { <-release; panic(http.ErrAbortHandler) }}
		},
	}
	s := start(t, blobs, func(o *Options) { o.stall = 300 * time.Millisecond })
	small, large := string(pattern(1000)), string(pattern(1<<20))
	s.add("small", small)
	s.add("large", large)
	for name, fault := range faults {
		sick.hits.Store(0)
		sick.fault.Store(&fault)
		for path, text := range map[string]string{"small": small, "large": large} {
			for rang, want := range map[string]string{"": text, "bytes=10-": text[10:]} {
				a := s.getBroken(path, rang)
				whole := a.broken == nil && string(a.body) == want && a.StatusCode < 300
				refused := a.StatusCode >= 500 && a.broken == nil
				if !whole && !refused && !brokenOff(a.broken) {
					t.Errorf("%s: %s %q is %d with %d of %d bytes, %v", name, path, rang, a.StatusCode, len(a.body), len(want), a.broken)
				}
				if whole && path == "large" && name != "long" {
					t.Errorf("%s: %s came whole; this test sees nothing", name, path)
				}
			}
		}
		if sick.hits.Load() == 0 {
			t.Errorf("%s: the storage was not asked", name)
		}
		sick.fault.Store(nil)
		if a := s.ask("GET", prefix+"large", nil); string(a.body) != large || a.StatusCode != 200 {
			t.Errorf("after %s it is %d with %d bytes", name, a.StatusCode, len(a.body))
		}
	}
	close(release)
}

// getBroken asks like a client that may be cut off.
func (s *site) getBroken(path, rang string) *answer {
	m := &mirror{site: s}
	asked := headers{}
	if rang != "" {
		asked["Range"] = rang
	}
	return m.get("GET", path, asked)
}

// TestAKeptFileThatIsGone: what is in memory goes on to be served, whatever became of the disk, and is right.
func TestAKeptFileThatIsGone(t *testing.T) {
	t.Parallel()
	s := start(t, nil, func(o *Options) { o.Memory = 1 << 20 })
	a := s.add("f", "right")
	s.remember()
	for range 2 {
		s.ask("GET", prefix+"f", nil)
	}
	must(t, os.WriteFile(filepath.Join(s.dir, a.File), []byte("wrong"), 0o600))
	if got := s.ask("GET", prefix+"f", nil); got.StatusCode != 200 || string(got.body) != "right" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}
