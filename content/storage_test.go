package content

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// ailing is a storage that fails where it is told to.
type ailing struct {
	storage.Storage
	stage, commit error
}

func (a *ailing) Stage(ctx context.Context) (storage.Staged, error) {
	if a.stage != nil {
		return nil, a.stage
	}
	staged, err := a.Storage.Stage(ctx)
	return &ailingBlob{Staged: staged, storage: a}, err
}

type ailingBlob struct {
	storage.Staged
	storage *ailing
}

// Peek passes the power on.
func (b *ailingBlob) Peek() (storage.Peeked, error) { return b.Staged.(storage.Peeker).Peek() }

func (b *ailingBlob) Commit(ctx context.Context, key string) error {
	if b.storage.commit != nil {
		return b.storage.commit
	}
	return b.Staged.Commit(ctx, key)
}

// TestTroubleOfOurOwn: a storage that fails is told as such and not held against the source; who needs nothing of it gets
// the file.
func TestTroubleOfOurOwn(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	sick := &ailing{Storage: m.blobs}
	m.fetcher.Store.Storage = sick
	up := upstream.New(t)
	body := pattern(big)
	up.Set("/f", body)
	c := m.unit("f")
	m.place(c, "f", m.remote("r", model.OnDemand), up.URL+"/f", body)
	sick.stage = errs.New(errs.StorageFull, "the disk is full; free some space")
	if a := m.get("GET", "d/f", nil); a.StatusCode != http.StatusInsufficientStorage || !strings.Contains(string(a.body), "free some space") {
		t.Errorf("%d %q", a.StatusCode, a.body)
	}
	sick.stage, sick.commit = nil, errs.New(errs.Unavailable, "the storage is away; try again")
	m.get("GET", "d/f", nil).whole(t, body)
	m.until("no spool is left", func() bool { return m.spooled() == 0 })
	if a := m.get("HEAD", "d/f", nil); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d", a.StatusCode)
	}
	if n := len(m.artifacts()) + len(m.blobsStored()); n != 0 || m.attached(c) != "" {
		t.Errorf("%d things are stored", n)
	}
	sick.commit = nil
	m.get("HEAD", "d/f", nil)
	if m.attached(c) == "" {
		t.Error("a HEAD did not store the file")
	}
}

// blind hides the power to read what is being written.
type blind struct{ storage.Storage }

func (b blind) Stage(ctx context.Context) (storage.Staged, error) {
	staged, err := b.Storage.Stage(ctx)
	return struct{ storage.Staged }{staged}, err
}

// TestAStorageThatCannotPeek: clients get the file when it is stored, and what is never stored is refused.
func TestAStorageThatCannotPeek(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	m.fetcher.Store.Storage = blind{m.blobs}
	up := upstream.New(t)
	body := pattern(big)
	up.Set("/f", body)
	m.place(m.unit("f"), "f", m.remote("r", model.OnDemand), up.URL+"/f", body)
	up.Set("/s", patternOf("s", big))
	m.place(m.unit("s"), "s", m.remote("s", model.Streamed), up.URL+"/s", patternOf("s", big))
	m.get("GET", "d/f", nil).whole(t, body)
	if a := m.get("GET", "d/s", nil); a.StatusCode != http.StatusInternalServerError {
		t.Errorf("%d %q", a.StatusCode, a.body)
	}
}

// TestRedirectsToWhatIsStored: where clients are sent to the storage, the first gets the file from here and who waited
// for it is sent there.
func TestRedirectsToWhatIsStored(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	m.start(t, func(o *Options) {
		o.Storage = func(*model.Domain) (storage.Storage, error) { return signer{m.blobs}, nil }
		o.RedirectToObjectStorage = true
	})
	up := upstream.New(t)
	for _, path := range []string{"whole", "part"} {
		body := patternOf(path, big)
		up.Set("/"+path, body)
		c := m.unit(path)
		m.place(c, path, m.remote(path, model.OnDemand), up.URL+"/"+path, body)
		if path == "whole" {
			m.get("GET", "d/"+path, nil).whole(t, body)
			m.until("it is stored", func() bool { return m.attached(c) != "" })
		}
		a := m.get("GET", "d/"+path, headers{"Range": "bytes=0-9"})
		if a.StatusCode != http.StatusFound || !strings.Contains(a.Header.Get("Location"), digestOf(body)[2:]) {
			t.Errorf("%s: %d %v", path, a.StatusCode, a.Header)
		}
	}
}

// signer is a storage that hands out links.
type signer struct{ storage.Storage }

func (signer) Sign(_ context.Context, key string, _ storage.SignOptions) (string, error) {
	return "https://bucket.example/" + key, nil
}

var (
	_ storage.Peeker = (*ailingBlob)(nil)
	_ storage.Signer = signer{}
)
