package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
	fsstorage "github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// maze is what paths are sent into: two domains with distributions whose names are like each other, some of them guarded.
type maze struct {
	t       testing.TB
	db      *db.DB
	root    string
	servers map[string]string // addresses
	tenant  *model.Domain
	doors   []*doorway
	keys    map[string]bool // of the artifacts
	all     []hidden

	mu     sync.Mutex
	passed map[string]bool // what guards have let through, as they saw it
	opened []string        // keys that the storage was asked for
}

// hidden is a file of the maze.
type hidden struct {
	*doorway
	path   string // with the domain before it
	marker string // its bytes
	digest string
}

// doorway is a distribution of the maze.
type doorway struct {
	domain, base, key string // no key, no guard
	files             []string
}

func (d *doorway) name() string { return d.domain + ":" + d.base }

// lock is a guard that lets in who has its key.
type lock struct {
	Key  string
	maze *maze
}

func (l lock) Permit(_ context.Context, v *serve.Visit) error {
	for _, key := range v.Header("X-Key") {
		if key == l.Key {
			l.maze.mu.Lock()
			defer l.maze.mu.Unlock()
			l.maze.passed[l.Key+" "+v.Path] = true
			return nil
		}
	}
	return errs.New(errs.Forbidden, "no key, no files")
}

// watched is a file storage that notes what is opened.
type watched struct {
	*fsstorage.Storage
	maze *maze
}

func (w watched) LocalPath(key string) (string, error) {
	w.maze.note(key)
	name, err := w.Storage.LocalPath(key)
	if err == nil && !strings.HasPrefix(name, w.maze.root+"/") {
		w.maze.note("outside " + name)
	}
	return name, err
}

func (w watched) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	w.maze.note(key)
	return w.Storage.Open(ctx, key, offset, length)
}

func (m *maze) note(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened = append(m.opened, key)
}

func newMaze(t testing.TB) *maze {
	m := &maze{t: t, root: t.TempDir(), servers: map[string]string{}, keys: map[string]bool{}, passed: map[string]bool{}}
	d, err := db.Open(t.Context(), db.Options{URL: "sqlite://" + filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	m.db = d
	tables.Fill(t, d, "")
	m.tenant = &model.Domain{ID: ident.New(), Name: "tenant", StorageClass: "fs", PulpCreated: model.Now(), PulpLastUpdated: model.Now()}
	m.put(m.tenant)
	m.doors = []*doorway{
		{"default", "open", "", []string{"f", "a/b", "secret/f", "inner/f", "%2e%2e/secret/f", "..%2fsecret/f", "SECRET", "a;b", "a+b", "a?b", "a#b"}},
		{"default", "secret", "k1", []string{"f", "a/b", "hidden-one", "deep/index.html", "%66"}},
		{"default", "Secret", "", []string{"f"}},
		{"default", "open/inner", "k2", []string{"f", "hidden-two"}},
		{"default", "caf\u00e9", "", []string{"f"}},
		{"default", "cafe\u0301", "k1", []string{"f", "hidden-three"}},
		{"default", "Vault", "k2", []string{"F", "hidden-six", "%46"}},
		{"default", "vault", "", []string{"f"}},
		{"default", "tenant", "k3", []string{"secret/f", "hidden-four"}},
		{"tenant", "secret", "", []string{"f"}},
		{"tenant", "open", "k1", []string{"f", "hidden-five"}},
	}
	local, err := fsstorage.New(m.root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() })
	store := watched{local, m}
	for _, door := range m.doors {
		m.build(store, door)
	}
	m.serve(store)
	return m
}

func (m *maze) put(rows ...any) {
	m.t.Helper()
	err := m.db.InTx(m.t.Context(), func(tx *db.Tx) error {
		for _, row := range rows {
			if err := tx.Create(row).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *maze) build(store storage.Storage, door *doorway) {
	m.t.Helper()
	domain := ident.DefaultDomain
	if door.domain == m.tenant.Name {
		domain = m.tenant.ID
	}
	repo := &model.Repository{Base: model.NewBase(domain), PulpType: "raw.raw", Name: door.name(), LatestVersion: 1, NextVersion: 2}
	distribution := &model.Distribution{Base: model.NewBase(domain), PulpType: "raw.raw", Name: door.name(), BasePath: door.base, RepositoryID: &repo.ID}
	m.put(repo, &model.RepositoryVersion{Base: model.NewBase(domain), RepositoryID: repo.ID, Number: 1, Counts: model.JSON("{}"), CurrentFrom: model.Now()})
	if door.key != "" {
		guard := &model.ContentGuard{Base: model.NewBase(domain), PulpType: "test.lock", Name: door.key + " of " + door.name()}
		m.put(guard)
		distribution.ContentGuardID = &guard.ID
	}
	m.put(distribution)
	for _, path := range door.files {
		h := hidden{doorway: door, path: door.domain + "/" + door.base + "/" + path}
		h.marker = "<<bytes of " + door.name() + " " + path + ">>"
		h.digest = digestOf([]byte(h.marker))
		a := &model.Artifact{Base: model.NewBase(domain), File: "artifact/" + h.digest[:2] + "/" + h.digest[2:], Size: int64(len(h.marker)), SHA256: h.digest}
		if _, err := storage.Put(m.t.Context(), store, a.File, strings.NewReader(h.marker)); err != nil {
			m.t.Fatal(err)
		}
		c := &model.Content{Base: model.NewBase(domain), PulpType: unitType, TimestampOfInterest: addedAt, FirstSeenAt: addedAt}
		m.put(a, c, &model.ContentArtifact{ContentID: c.ID, RelativePath: path, ArtifactID: &a.ID},
			&model.Membership{RepositoryID: repo.ID, ContentID: c.ID, VersionAdded: 1, PulpType: unitType, RepoKey: path, AddedAt: addedAt})
		m.keys[a.File] = true
		m.all = append(m.all, h)
	}
}

// serve runs the maze in three ways: looked up each time, remembered, and with domains in the paths.
func (m *maze) serve(store storage.Storage) {
	m.t.Helper()
	resolver := serve.New(serve.Options{DB: m.db, Kinds: []serve.Kind{{PulpType: "raw.raw", PathKeyed: unitType}}, Guards: []serve.GuardKind{{
		PulpType: "test.lock", Load: func(_ context.Context, tx *gorm.DB, id string, _ serve.FindGuard) (serve.Guard, error) {
			var names []string
			err := tx.Table("core_content_guards").Where("id = ?", id).Pluck("name", &names).Error
			key, _, _ := strings.Cut(strings.Join(names, ""), " ")
			return lock{key, m}, err
		},
	}}})
	for name, o := range map[string]Options{
		"looked up":  {Resolver: resolver},
		"remembered": {Resolver: serve.NewMemory(resolver, 1<<20, m.db.Commits), Memory: 1 << 20},
		"domains":    {Resolver: serve.NewMemory(resolver, 1<<20, m.db.Commits), FindDomain: m.findDomain},
	} {
		o.Prefix, o.Log = prefix, slog.New(slog.DiscardHandler)
		o.Storage = func(*model.Domain) (storage.Storage, error) { return store, nil }
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			m.t.Fatal(err)
		}
		app, served := New(o).App(), make(chan bool)
		go func() { _ = app.Listener(listener); close(served) }()
		m.t.Cleanup(func() {
			_ = errors.Join(app.Shutdown(), listener.Close())
			<-served
		})
		m.servers[name] = listener.Addr().String()
	}
}

func (m *maze) findDomain(_ context.Context, name string) (*model.Domain, error) {
	switch name {
	case "tenant":
		return m.tenant, nil
	case "default":
		return &model.Domain{ID: ident.DefaultDomain, Name: "default"}, nil
	}
	return nil, errs.New(errs.NotFound, "no such domain")
}

// ways are how a request may be sent; names of servers, methods and keys.
var ways = struct{ servers, methods, keys []string }{
	[]string{"looked up", "remembered", "domains"}, []string{"GET", "HEAD", "POST"}, []string{"", "k1", "k2", "k3"},
}

// ask sends one request target as it is and gives all that comes back.
func (m *maze) ask(server, method, target, key string) []byte {
	m.t.Helper()
	c, err := net.Dial("tcp", m.servers[server])
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second)) // a hang is a fault
	head := method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	if key != "" {
		head += "X-Key: " + key + "\r\n"
	}
	_, _ = io.WriteString(c, head+"\r\n") // the server may have hung up
	_ = c.(*net.TCPConn).CloseWrite()     // who was promised a body waits for no more
	all, err := io.ReadAll(c)
	if err != nil && !brokenOff(err) {
		m.t.Fatalf("%q is not answered: %v", target, err)
	}
	return all
}

// judge checks one request.
func (m *maze) judge(server, method, target, key string) {
	m.t.Helper()
	m.mu.Lock()
	m.passed, m.opened = map[string]bool{}, nil
	m.mu.Unlock()
	got := m.ask(server, method, target, key)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.opened {
		if !m.keys[k] {
			m.t.Fatalf("%s %s %q opens %q", server, method, target, k)
		}
	}
	for _, h := range m.all {
		if bytes.Contains(got, []byte(h.digest)) || bytes.Contains(got, []byte(h.marker)) {
			m.served(server, target, h)
		}
	}
	for _, door := range m.doors {
		m.closed(server, target, door, got)
	}
}

// served checks what a file, or its digest, was given for: the guard has judged this very path, which is the one that was
// written.
func (m *maze) served(server, target string, h hidden) {
	m.t.Helper()
	path := m.seen(server, h.path)
	folder := strings.TrimSuffix(path, "index.html")
	if h.key != "" && !m.passed[h.key+" "+path] && !m.passed[h.key+" "+folder] && !m.passed[h.key+" "+strings.TrimSuffix(folder, "/")] {
		m.t.Fatalf("%s %q got %s, the guards let pass %v", server, target, h.path, m.passed)
	}
	if strings.ContainsAny(target, " \t\r\n?#") || !strings.HasPrefix(target, prefix) {
		return // there may be more than a path in it
	}
	written, err := url.PathUnescape(strings.TrimPrefix(target, prefix))
	if err != nil || written != path && written+"index.html" != path && written+"/index.html" != path {
		m.t.Fatalf("%s %q, which says %q, got %s", server, target, written, h.path)
	}
}

// seen is the path of a file as guards of a server see it.
func (m *maze) seen(server, path string) string {
	if server == "domains" {
		return path
	}
	_, rest, _ := strings.Cut(path, "/")
	return rest
}

// closed checks that nothing is told of what is in a guarded distribution whose guard has let nobody in.
func (m *maze) closed(server, target string, door *doorway, got []byte) {
	m.t.Helper()
	if door.key == "" {
		return
	}
	for passed := range m.passed {
		if strings.HasPrefix(passed, door.key+" ") {
			return
		}
	}
	for _, file := range door.files {
		if strings.HasPrefix(file, "hidden-") && bytes.Contains(got, []byte(file)) && !strings.Contains(target, file) && !strings.Contains(target, "%") {
			m.t.Fatalf("%s %q names %s of %s", server, target, file, door.name())
		}
	}
}

// FuzzPaths: however a path is written, nobody gets anything of a guarded distribution that the guard of that very
// distribution has not let through for that very path, and nothing but artifacts is ever opened.
func FuzzPaths(f *testing.F) {
	for _, rest := range []string{
		"", "open/", "open", "open/f", "open/a/b", "open/secret/f", "secret", "secret/", "secret/f", "secret/a", "secret/deep", "secret/deep/", "Secret/f", "SECRET/f",
		"secret%2ff", "secret%2Ff", "%73ecret/f", "secret/%66", "secret/%2566", "secret%252ff", "open/../secret/f", "open/%2e%2e/secret/f", "open/%2E./secret/f", "open/%252e%252e/secret/f",
		"open/..;/secret/f", "open/..%3b/secret/f", "secret;x/f", "secret/f;x", "Vault/F", "Vault/%2546", "vault/F", "Vault/f", "secret/f%00", "secret/f%00.txt", "%00secret/f", "secret//f", "/secret/f", "//secret/f", "./secret/f", "secret/./f",
		"secret\\f", "secret%5cf", "open/..\\secret\\f", "open/..%5csecret%5cf", "open/inner/f", "open/inner", "open//inner/f", "open/inner%2ff", "open/Inner/f", "open/inner/", "secret /f", "secret/f ",
		"secret%20/f", "secret%09/f", "secret/f%0d%0aX-Key:%20k1", "secret/f HTTP/1.1\r\nX-Key: k2\r\n\r\n", "open/f HTTP/1.1\r\n\r\nGET /pulp/content/secret/f", "secret/f?x", "secret/f#x", "secret?/f",
		"caf%c3%a9/f", "cafe%cc%81/f", "caf\u00e9/f", "cafe\u0301/f", "%c0%ae%c0%ae/secret/f", "secret%ef%bc%8ff", "\uff53ecret/f", "%ef%bd%93ecret/f", "secret%e2%80%8b/f", "\u017fecret/f", "secret%ff/f",
		"tenant/secret/f", "tenant/open/f", "default/secret/f", "default/tenant/secret/f", "Tenant/open/f", "tenant%2fopen/f", "tenant/../default/secret/f", "default/open/inner/f", "tenant", "tenant/",
		"open/a;b", "open/a+b", "open/a%3fb", "open/a%23b", "open/a%2bb", "open/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "../../../../etc/passwd", "artifact/", "%", "%zz", "secret/%", "*", strings.Repeat("a/", 3000), strings.Repeat("%61", 5000),
	} {
		for i := range ways.servers {
			for j := range ways.keys {
				f.Add(prefix+rest, uint8(i), uint8((i+j)%2), uint8(j))
			}
		}
	}
	for _, target := range []string{"http://x" + prefix + "secret/f", "//x" + prefix + "secret/f", "/pulp/./content/secret/f", "/pulp/content", "/pulp//content/secret/f", "/PULP/content/secret/f", "/pulp/content%2fsecret/f", "/pulp%2fcontent/secret/f", "*", "x", "/../pulp/content/secret/f"} {
		f.Add(target, uint8(0), uint8(0), uint8(0))
	}
	m := newMaze(f)
	f.Fuzz(func(t *testing.T, target string, server, method, key uint8) {
		m.t = t
		m.judge(ways.servers[int(server)%3], ways.methods[int(method)%3], target, ways.keys[int(key)%4])
	})
}

// TestTheMazeIsReal: its files can be had in the right way, so that the fuzzing sees something.
func TestTheMazeIsReal(t *testing.T) {
	t.Parallel()
	m := newMaze(t)
	for _, server := range ways.servers {
		for _, h := range m.all {
			if server != "domains" && h.domain == "tenant" || h.path != h.domain+"/"+h.base+"/"+h.files[0] {
				continue
			}
			target := prefix + serve.Escaped(m.seen(server, h.path))
			for range 3 { // found, kept, from memory
				if got := m.ask(server, "GET", target, h.key); !bytes.Contains(got, []byte(h.marker)) {
					t.Errorf("%s %s: %q", server, target, got)
				}
			}
			if got := m.ask(server, "GET", target, ""); (h.key == "") != bytes.Contains(got, []byte(h.marker)) {
				t.Errorf("%s %s without a key: %q", server, target, got)
			}
			m.judge(server, "GET", target, h.key)
			m.judge(server, "HEAD", target, h.key)
			m.judge(server, "GET", target, "")
		}
	}
}
