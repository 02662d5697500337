package remote_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/core/storage/fs"
)

// world is a store and the remotes of an installation that may reach this machine.
type world struct {
	t     testing.TB
	store *artifact.Store
	box   *secret.Box
	clock *clock
	o     remote.Options
	*remote.Remotes
}

func newWorld(t testing.TB, change ...func(*remote.Options)) *world {
	t.Helper()
	files, err := fs.New(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, files.Close()) })
	box, err := secret.New([]byte("0123456789abcdef0123456789abcdef"))
	must(t, err)
	w := &world{t: t, box: box, clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		store: &artifact.Store{Storage: files, Algorithms: []artifact.Algorithm{artifact.SHA256, artifact.SHA512}}}
	w.o = remote.Options{Box: box, Egress: []string{"127.0.0.1"}, UserAgent: "packhouse/1.2.3", Clock: w.clock}
	for _, one := range change {
		one(&w.o)
	}
	w.Remotes = remote.New(w.o)
	return w
}

// row is the row of a remote with short timeouts, so that what hangs ends.
func row(url string, change ...func(*model.Remote)) *model.Remote {
	r := &model.Remote{Base: model.NewBase(ident.DefaultDomain), Name: "r", URL: url, Policy: model.Immediate, TLSValidation: true}
	for _, one := range change {
		one(r)
	}
	return r
}

func (w *world) client(url string, change ...func(*model.Remote)) *remote.Client {
	w.t.Helper()
	c, err := w.Client(row(url, change...))
	must(w.t, err)
	return c
}

// seal seals a secret column.
func (w *world) seal(column, plain string) []byte {
	w.t.Helper()
	sealed, err := w.box.Seal(remote.Purpose(column), []byte(plain))
	must(w.t, err)
	return sealed
}

// login gives a remote user and password.
func (w *world) login(user, password string) func(*model.Remote) {
	return func(r *model.Remote) {
		r.Username, r.Password = w.seal("username", user), w.seal("password", password)
	}
}

func retries(n int64) func(*model.Remote) { return func(r *model.Remote) { r.MaxRetries = &n } }

func headers(json string) func(*model.Remote) {
	return func(r *model.Remote) { r.Headers = model.JSON(json) }
}

func ptr[T any](v T) *T { return &v }

// clock does not wait, but notes for how long it should.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept = append(c.slept, d)
	c.now = c.now.Add(d)
	return ctx.Err()
}

func (c *clock) waits() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slept
}

// want is a file with its size and digest.
func want(url string, body []byte) remote.Want {
	return remote.Want{URL: url, Size: ptr(int64(len(body))), Digests: artifact.Digests{artifact.SHA256: digest(body)}}
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// download downloads and throws away.
func (w *world) download(c *remote.Client, want remote.Want) error {
	w.t.Helper()
	received, err := c.Download(w.t.Context(), w.store, want)
	if err != nil {
		if received != nil {
			w.t.Error("an error came with something received")
		}
		return err
	}
	if want.Size != nil && received.Size != *want.Size {
		w.t.Errorf("%d bytes were received, not %d", received.Size, *want.Size)
	}
	return received.Cancel()
}

// read opens and reads to the end.
func (w *world) read(c *remote.Client, url string) (string, error) {
	w.t.Helper()
	open, err := c.Open(w.t.Context(), url)
	if err != nil {
		return "", err
	}
	all, err := io.ReadAll(open.Body)
	return string(all), errors.Join(err, open.Body.Close())
}

// staged counts what lies in the storage, visible or not.
func (w *world) wantNothingStored() {
	w.t.Helper()
	for info, err := range w.store.Storage.List(context.Background(), "") {
		w.t.Errorf("the storage has %v, %v", info, err)
	}
}

// wantFault checks code, kind and words of an error.
func wantFault(t testing.TB, err error, code string, kind errs.Kind, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("it went well, where %s was due", code)
	}
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || e.Code != code || e.Kind != kind {
		t.Errorf("the error is %v (%s), where %s (%s) was due", err, errs.KindOf(err), code, kind)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error %q does not say %q", err, word)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
