package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/listen"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/obs/access"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/storage/fs"
)

const prefix = "/pulp/content/"

// addedAt is when every file of these tests appeared: the Last-Modified of all answers.
var addedAt = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)

// offers is a finder that knows its paths by heart.
type offers map[string]serve.Result

func (o offers) Resolve(_ context.Context, domain, path string, _ *serve.Request) (serve.Result, error) {
	if domain != ident.DefaultDomain {
		return serve.Result{}, errors.New("which domain?")
	}
	switch path {
	case "panic":
		panic("the finder fell over")
	case "away":
		return serve.Result{}, errs.New(errs.Unavailable, "the database is away, try again in a moment")
	case "guarded":
		return serve.Result{}, errs.New(errs.Forbidden, "the guard says no")
	case "foreign":
		return serve.Result{}, errors.New("secret detail")
	}
	if result, ok := o[path]; ok {
		return result, nil
	}
	return serve.Result{}, errs.New(errs.NotFound, "there is nothing under this path")
}

// site is a running server with a few files.
type site struct {
	t       *testing.T
	dir     string // of the storage, when it has files
	store   storage.Storage
	offers  offers
	address string
	lines   chan map[string]any // one for each log line
}

// logged is a log that hands its lines to the test.
type logged struct {
	slog.Handler
	lines chan map[string]any
}

func (l logged) Enabled(context.Context, slog.Level) bool { return true }
func (l logged) Handle(_ context.Context, r slog.Record) error {
	line := map[string]any{"msg": r.Message}
	r.Attrs(func(a slog.Attr) bool { line[a.Key] = a.Value.Any(); return true })
	l.lines <- line
	return nil
}

// start runs a server on a loopback port over a storage, a file system when it is nil.
func start(t *testing.T, store storage.Storage, set func(o *Options)) *site {
	t.Helper()
	s := &site{t: t, store: store, offers: offers{}, lines: make(chan map[string]any, 10000)}
	if store == nil {
		s.dir = t.TempDir()
		local, err := fs.New(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = local.Close() })
		s.store = local
	}
	o := Options{
		Resolver: s.offers, Prefix: prefix, Access: access.Through(slog.New(logged{slog.DiscardHandler, s.lines})),
		Storage: func(*model.Domain) (storage.Storage, error) { return s.store, nil },
		Log:     slog.New(logged{slog.DiscardHandler, s.lines}),
	}
	if set != nil {
		set(&o)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	app := New(o).App()
	served := make(chan error, 1)
	bounded := listen.New(listener, listen.Options{Log: o.Log})
	go func() { served <- app.Listener(bounded) }()
	t.Cleanup(func() {
		err := errors.Join(app.Shutdown(), bounded.Close()) // a stop before the first accept does not close it
		if err := errors.Join(err, <-served); err != nil {
			t.Error(err)
		}
	})
	return s
}

// add offers text under a path below the prefix.
func (s *site) add(path, text string) *model.Artifact {
	s.t.Helper()
	sum := sha256.Sum256([]byte(text))
	digest := hex.EncodeToString(sum[:])
	a := &model.Artifact{Base: model.NewBase(ident.DefaultDomain), File: "artifact/" + digest, Size: int64(len(text)), SHA256: digest}
	if _, err := storage.Put(s.t.Context(), s.store, a.File, strings.NewReader(text)); err != nil {
		s.t.Fatal(err)
	}
	s.offers[path] = serve.Result{
		Distribution: &model.Distribution{Base: model.NewBase(ident.DefaultDomain)},
		Found:        &serve.Found{Artifact: a, Path: path, AddedAt: addedAt},
	}
	return a
}

// remember gives what is offered slots, as a memory does.
func (s *site) remember() {
	for path, result := range s.offers {
		result.Slot = &serve.Slot{}
		s.offers[path] = result
	}
}

// answer is a response with its body read; broken is how the body ended before its time.
type answer struct {
	*http.Response
	body   []byte
	broken error
}

func (s *site) ask(method, path string, headers map[string]string) *answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.address+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	a := &answer{Response: response}
	a.body, a.broken = io.ReadAll(response.Body)
	return a
}

// openFiles counts the files of the storage that this process holds open.
func (s *site) openFiles() int {
	s.t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, fd := range all {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name()))
		if err == nil && strings.HasPrefix(target, s.dir+"/artifact") {
			n++
		}
	}
	return n
}

// awaitAccess waits for the access line of a path, which is written when its body is closed.
func (s *site) awaitAccess(path string) map[string]any {
	s.t.Helper()
	for {
		select {
		case line := <-s.lines:
			if line["msg"] == "content request" && line["path"] == path {
				return line
			}
		case <-s.t.Context().Done():
			s.t.Fatal("the request was never logged")
		}
	}
}

// remote is a storage in memory that is not of this machine: it can only be read through Open.
type remote struct {
	mu    sync.Mutex
	blobs map[string][]byte
	// cut, when positive, makes readers fail after so many bytes.
	cut int64
	err error
}

func newRemote() *remote { return &remote{blobs: map[string][]byte{}} }

func (r *remote) blob(key string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	b, ok := r.blobs[key]
	if !ok {
		return nil, errs.New(errs.NotFound, "no blob %s", key)
	}
	return b, nil
}

func (r *remote) Stat(_ context.Context, key string) (storage.Info, error) {
	b, err := r.blob(key)
	return storage.Info{Key: key, Size: int64(len(b))}, err
}

func (r *remote) Open(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	b, err := r.blob(key)
	if err != nil {
		return nil, err
	}
	b = b[offset:]
	if length >= 0 {
		b = b[:min(length, int64(len(b)))]
	}
	if r.cut > 0 {
		return io.NopCloser(io.MultiReader(bytes.NewReader(b[:r.cut]), failing{})), nil
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the storage fell over") }

func (r *remote) Delete(_ context.Context, key string) error                  { delete(r.blobs, key); return nil }
func (r *remote) List(context.Context, string) iter.Seq2[storage.Info, error] { return nil }
func (r *remote) Stage(context.Context) (storage.Staged, error) {
	return &staged{remote: r}, nil
}

type staged struct {
	bytes.Buffer
	remote *remote
}

func (s *staged) Size() int64   { return int64(s.Len()) }
func (s *staged) Cancel() error { return nil }
func (s *staged) Commit(_ context.Context, key string) error {
	s.remote.mu.Lock()
	defer s.remote.mu.Unlock()
	s.remote.blobs[key] = bytes.Clone(s.Bytes())
	return nil
}

// signing is a remote that can hand out links.
type signing struct {
	*remote
	asked []storage.SignOptions
}

func (s *signing) Sign(_ context.Context, key string, o storage.SignOptions) (string, error) {
	if s.err != nil {
		return "", s.err
	}
	s.asked = append(s.asked, o)
	return "https://bucket.example/" + key + "?signature=x", nil
}

var (
	_ storage.Storage = (*remote)(nil)
	_ storage.Signer  = (*signing)(nil)
)
