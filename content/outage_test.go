package content

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
	fsstorage "github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/testkit/cluster"
)

// database is a PostgreSQL of this test alone, which can be stopped and started.
type database struct {
	t       *testing.T
	address string
	line    []string
	as      *syscall.SysProcAttr
	server  *exec.Cmd
}

func startDatabase(t *testing.T) *database {
	t.Helper()
	dir, err := os.MkdirTemp("", "content-outage-") //nolint:usetesting // t.TempDir is closed to the user that the server runs as
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	must(t, errors.Join(err, listener.Close()))
	password := rand.Text()
	attributes := func(owner *syscall.Credential) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: owner}
	}
	made, err := cluster.Make(t.Context(), dir, "tester", password, attributes)
	must(t, err)
	d := &database{
		t: t, address: "postgres://tester:" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable",
		line: made.Server(port, "fsync=off", "shared_buffers=16MB", "max_connections=50"), as: &syscall.SysProcAttr{Credential: made.Owner},
	}
	d.start()
	t.Cleanup(d.stop)
	return d
}

// start starts the server and waits until it answers.
func (d *database) start() {
	d.t.Helper()
	d.server = exec.Command(d.line[0], d.line[1:]...)
	d.server.SysProcAttr, d.server.Dir = d.as, "/"
	must(d.t, d.server.Start())
	for {
		c, err := pgx.Connect(d.t.Context(), d.address)
		if err == nil {
			_ = c.Close(d.t.Context())
			return
		}
		select {
		case <-d.t.Context().Done():
			d.t.Fatalf("the database does not start: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the server in the middle of everything.
func (d *database) stop() {
	if d.server != nil {
		_ = d.server.Process.Signal(syscall.SIGQUIT)
		_ = d.server.Wait()
		d.server = nil
	}
}

// openGuard lets everybody in.
type openGuard struct{}

func (openGuard) Permit(context.Context, *serve.Visit) error { return nil }

// TestTheDatabaseIsAway: what is remembered and has no guard goes on, all else is refused, and all of it is there again when
// the database is; a body that is under way does not notice.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	server := startDatabase(t)
	m := &mirror{dir: t.TempDir()}
	local, err := fsstorage.New(m.dir)
	must(t, err)
	t.Cleanup(func() { _ = local.Close() })
	m.blobs = local
	m.run(t, server.address)
	guard := &model.ContentGuard{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.open", Name: "open"}
	m.put(guard, &model.Distribution{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.raw", Name: "g", BasePath: "g", RepositoryID: &m.repo.ID, ContentGuardID: &guard.ID})
	large := strings.Repeat("0123456789abcdef", 1<<20)
	for path, text := range map[string]string{"small": "small", "large": large, "never": "never asked for"} {
		m.stored(path, text)
	}
	kinds := []serve.Kind{{PulpType: "raw.raw", PathKeyed: unitType}}
	guards := []serve.GuardKind{{PulpType: "test.open", Load: func(context.Context, *gorm.DB, string, serve.FindGuard) (serve.Guard, error) { return openGuard{}, nil }}}
	m.start(t, func(o *Options) {
		o.Resolver, o.Memory = serve.NewMemory(serve.New(serve.Options{DB: m.db, Kinds: kinds, Guards: guards}), 1<<20, m.db.Commits), 1<<20
	})
	expect := func(when, path string, status int, body string) bool {
		a := m.get("GET", path, nil)
		if a.broken != nil || a.StatusCode != status || body != "" && string(a.body) != body || strings.Contains(string(a.body), "127.0.0.1") {
			t.Errorf("%s %s is %d with %d bytes %.80q, %v", when, path, a.StatusCode, len(a.body), a.body, a.broken)
			return false
		}
		return true
	}
	for range 3 {
		expect("before,", "d/small", 200, "small")
		expect("before,", "g/small", 200, "small")
	}
	expect("before,", "d/large", 200, large)
	for round := range 2 {
		a, rest := m.open(t.Context(), "GET", "d/large", nil)
		server.stop()
		for i := range 3 {
			when := fmt.Sprintf("away for the time %d, request %d:", round, i)
			expect(when, "d/small", 200, "small")
			expect(when, "d/never", 503, "")
		}
		expect("away,", "d/large", 200, large)
		// A guard may decide for as long as what it decides by is fresh.
		m.until("the guarded one is refused", func() bool { return m.get("GET", "g/small", nil).StatusCode == http.StatusServiceUnavailable })
		expect("away,", "g/small", 503, "")
		if whole, err := io.ReadAll(rest); err != nil || a.StatusCode != 200 || string(whole) != large {
			t.Errorf("the body that was under way has %d bytes, %v", len(whole), err)
		}
		server.start()
		m.until("the guarded one is back", func() bool { return m.get("GET", "g/small", nil).StatusCode == http.StatusOK })
		expect("back,", "d/small", 200, "small")
		expect("back,", "g/small", 200, "small")
		if round == 1 {
			expect("back,", "d/never", 200, "never asked for")
		}
	}
}

// stored adds a unit whose file is stored.
func (m *mirror) stored(path, text string) {
	m.t.Helper()
	digest := digestOf([]byte(text))
	a := &model.Artifact{Base: model.NewBase(ident.DefaultDomain), File: "artifact/" + digest[:2] + "/" + digest[2:], Size: int64(len(text)), SHA256: digest}
	_, err := storage.Put(m.t.Context(), m.blobs, a.File, strings.NewReader(text))
	must(m.t, err)
	c := &model.Content{Base: model.NewBase(ident.DefaultDomain), PulpType: unitType, TimestampOfInterest: addedAt, FirstSeenAt: addedAt}
	m.put(a, c, &model.ContentArtifact{ContentID: c.ID, RelativePath: path, ArtifactID: &a.ID},
		&model.Membership{RepositoryID: m.repo.ID, ContentID: c.ID, VersionAdded: 1, PulpType: unitType, RepoKey: path, AddedAt: addedAt})
}

var _ serve.Guard = openGuard{}
