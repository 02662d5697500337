package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	upstreams "github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
	fsstorage "github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/storage/s3"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

const unitType = "raw.unit"

// mirror is a running content server that has an upstream: one distribution "d" with units that nobody has downloaded.
type mirror struct {
	*site
	db      *db.DB
	url     string // of the database
	blobs   storage.Storage
	dir     string // of a file storage
	spools  string // of an object storage
	fetcher *fetch.Fetcher
	waits   chan bool // one for each transfer that waits for another process
	repo    *model.Repository
}

// instant is a clock that does not wait between tries.
type instant struct{}

func (instant) Now() time.Time { return time.Now() }
func (instant) Sleep(ctx context.Context, _ time.Duration) error {
	return ctx.Err()
}

// onMirrors runs a test embedded (SQLite, files) and as in production (PostgreSQL, S3).
func onMirrors(t *testing.T, test func(t *testing.T, m *mirror)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded(t))
	})
	t.Run("production", func(t *testing.T) {
		t.Parallel()
		endpoint, access, secret, bucket := testkit.S3(t)
		spools := t.TempDir()
		blobs, err := s3.New(s3.Options{Endpoint: endpoint, AccessKey: access, SecretKey: secret, Bucket: bucket, PathStyle: true, SpoolDir: spools})
		must(t, err)
		must(t, blobs.Ensure(t.Context()))
		m := &mirror{blobs: blobs, spools: spools}
		m.run(t, testkit.Postgres(t))
		test(t, m)
	})
}

func embedded(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{dir: t.TempDir()}
	local, err := fsstorage.New(m.dir)
	must(t, err)
	t.Cleanup(func() { _ = local.Close() })
	m.blobs = local
	m.run(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db"))
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (m *mirror) run(t *testing.T, address string) {
	d, err := db.Open(t.Context(), db.Options{URL: address})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	m.db, m.url = d, address
	m.site = &site{t: t} // put needs it
	tables.Fill(t, d, "")
	m.repo = &model.Repository{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.raw", Name: "r", LatestVersion: 1, NextVersion: 2}
	m.put(
		m.repo,
		&model.RepositoryVersion{Base: model.NewBase(ident.DefaultDomain), RepositoryID: m.repo.ID, Number: 1, Counts: model.JSON("{}"), CurrentFrom: model.Now()},
		&model.Distribution{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.raw", Name: "d", BasePath: "d", RepositoryID: &m.repo.ID},
	)
	m.fetch(t, nil)
	m.start(t, nil)
}

// fetch makes the fetcher, with a log that tells when it waits for another process.
func (m *mirror) fetch(t *testing.T, set func(o *fetch.Options)) {
	clients := upstreams.New(upstreams.Options{Egress: []string{"127.0.0.0/8"}, ImportPaths: []string{filepath.Dir(m.dir)}, Clock: instant{}})
	m.waits = make(chan bool, 1000)
	o := fetch.Options{
		DB: m.db, Store: &artifact.Store{Storage: m.blobs, Algorithms: []artifact.Algorithm{artifact.SHA256, artifact.SHA512}},
		Source: func(row *model.Remote) (fetch.Source, error) { return clients.Client(row) },
		Log:    slog.New(waiting{slog.NewTextHandler(t.Output(), nil), m.waits}),
	}
	if set != nil {
		set(&o)
	}
	m.fetcher = fetch.New(o)
	fetcher := m.fetcher
	t.Cleanup(func() { _ = fetcher.Close() })
}

// waiting is a log that tells of each transfer that waits for another process.
type waiting struct {
	slog.Handler
	waits chan bool
}

func (w waiting) Enabled(context.Context, slog.Level) bool { return true }
func (w waiting) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "is waited for") {
		w.waits <- true
	}
	if r.Level < slog.LevelInfo {
		return nil
	}
	return w.Handler.Handle(ctx, r)
}

// beside is another process over the same database and storage.
func (m *mirror) beside(t *testing.T, set func(o *fetch.Options)) *mirror {
	t.Helper()
	other := *m
	other.fetch(t, set)
	other.start(t, nil)
	return &other
}

// start runs a content server over the mirror, beside those that run already.
func (m *mirror) start(t *testing.T, set func(o *Options)) {
	m.site = start(t, m.blobs, func(o *Options) {
		o.Resolver = serve.New(serve.Options{DB: m.db, Kinds: []serve.Kind{{PulpType: "raw.raw", PathKeyed: unitType}}})
		o.Fetcher = m.fetcher
		if set != nil {
			set(o)
		}
	})
}

func (m *mirror) put(rows ...any) {
	m.t.Helper()
	must(m.t, m.db.InTx(m.t.Context(), func(tx *db.Tx) error {
		for _, row := range rows {
			if err := tx.Create(row).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

// remote makes a remote that tries once more and no more.
func (m *mirror) remote(name string, policy model.Policy) *model.Remote {
	m.t.Helper()
	retries := int64(1)
	r := &model.Remote{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.raw", Name: name, URL: "http://upstream.example/", Policy: policy,
		MaxRetries: &retries, Headers: model.JSON("[]")}
	m.put(r)
	return r
}

// patience sets how many seconds a remote waits for the next byte; 0 is long enough for everything.
func (m *mirror) patience(r *model.Remote, seconds float64) {
	m.t.Helper()
	must(m.t, m.db.InTx(m.t.Context(), func(tx *db.Tx) error {
		return tx.Model(r).Updates(map[string]any{"sock_read_timeout": seconds, "pulp_last_updated": model.Now()}).Error
	}))
}

// unit adds a unit with a path, which nobody has downloaded, to the version.
func (m *mirror) unit(path string) *model.Content {
	m.t.Helper()
	c := &model.Content{Base: model.NewBase(ident.DefaultDomain), PulpType: unitType, TimestampOfInterest: addedAt, FirstSeenAt: addedAt}
	m.put(c,
		&model.ContentArtifact{ContentID: c.ID, RelativePath: path},
		&model.Membership{RepositoryID: m.repo.ID, ContentID: c.ID, VersionAdded: 1, PulpType: unitType, RepoKey: path, AddedAt: addedAt})
	return c
}

// place says that a remote has the bytes of a unit at a URL, and what they are.
func (m *mirror) place(c *model.Content, path string, r *model.Remote, url string, body []byte) *model.RemoteArtifact {
	m.t.Helper()
	size, digest := int64(len(body)), digestOf(body)
	a := &model.RemoteArtifact{ContentID: c.ID, RelativePath: path, RemoteID: r.ID, URL: url, Size: &size, SHA256: &digest}
	m.put(a)
	return a
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// artifacts are the digests of all that is stored, by the rows.
func (m *mirror) artifacts() []string {
	m.t.Helper()
	var all []string
	must(m.t, m.db.Read(m.t.Context()).Model(&model.Artifact{}).Order("sha256").Pluck("sha256", &all).Error)
	return all
}

// attached is the digest of what a unit has under a path; empty for nothing.
func (m *mirror) attached(c *model.Content) string {
	m.t.Helper()
	var all []string
	must(m.t, m.db.Read(m.t.Context()).Table("core_content_artifacts AS c").Joins("JOIN core_artifacts AS a ON a.id = c.artifact_id").
		Where("c.content_id = ?", c.ID).Pluck("a.sha256", &all).Error)
	return strings.Join(all, " ")
}

// blobsStored are the keys in the storage.
func (m *mirror) blobsStored() []string {
	m.t.Helper()
	var all []string
	for info, err := range m.blobs.List(m.t.Context(), "") {
		must(m.t, err)
		all = append(all, info.Key)
	}
	return all
}

// spooled counts the spools that are on the disk or held open.
func (m *mirror) spooled() int {
	m.t.Helper()
	n := 0
	if m.dir != "" {
		left, err := os.ReadDir(filepath.Join(m.dir, storage.Reserved))
		must(m.t, err)
		n = len(left)
	}
	open, err := os.ReadDir("/proc/self/fd")
	must(m.t, err)
	for _, fd := range open {
		target, _ := os.Readlink(filepath.Join("/proc/self/fd", fd.Name()))
		if m.dir != "" && strings.HasPrefix(target, filepath.Join(m.dir, storage.Reserved)) || m.spools != "" && strings.HasPrefix(target, m.spools) {
			n++
		}
	}
	return n
}

// get asks like a client that may be cut off at any point.
func (m *mirror) get(method, path string, headers map[string]string) *answer {
	return m.getUntil(m.t.Context(), method, path, headers)
}

func (m *mirror) getUntil(ctx context.Context, method, path string, headers map[string]string) *answer {
	a, reader := m.open(ctx, method, path, headers)
	if a.broken == nil {
		a.body, a.broken = io.ReadAll(reader)
		_ = reader.Close()
	}
	return a
}

// open gives an answer with its body unread.
func (m *mirror) open(ctx context.Context, method, path string, headers map[string]string) (*answer, io.ReadCloser) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+m.address+prefix+path, http.NoBody)
	if err != nil {
		m.t.Error(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return &answer{Response: &http.Response{}, broken: err}, nil
	}
	return &answer{Response: response}, response.Body
}

// whole checks that an answer is a whole file.
func (a *answer) whole(t *testing.T, body []byte) bool {
	t.Helper()
	if a.StatusCode == http.StatusOK && a.broken == nil && bytes.Equal(a.body, body) {
		return true
	}
	t.Errorf("status %d, %d of %d bytes, broken off: %v; %.200q", a.StatusCode, len(a.body), len(body), a.broken, a.body)
	return false
}

// pattern is a body of a size that has no two equal parts.
func pattern(size int) []byte { return patternOf("", size) }

// patternOf is a pattern that no other name has: what is stored for one file serves all that are the same.
func patternOf(name string, size int) []byte {
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i*7 + i>>8*13 + i>>16*17)
	}
	copy(body, name)
	return body
}

// until waits for something that another goroutine brings about.
func (m *mirror) until(what string, so func() bool) {
	m.t.Helper()
	for !so() {
		select {
		case <-m.t.Context().Done():
			m.t.Fatalf("it never came to this: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

var _ upstreams.Clock = instant{}
