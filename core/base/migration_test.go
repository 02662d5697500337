package base

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// moving is a domain with files, and a folder that it is to be moved to.
type moving struct {
	t      *testing.T
	db     *db.DB
	env    *resource.Env
	id     string
	old    domain.Place
	task   migrateDomain
	files  map[string]string // texts by the identity of their artifact
	upload *model.Upload
	lock   sync.Mutex
}

// files is how many are there at first; beside them is one chunk of an upload.
const files = 12

func onBothMoving(t *testing.T, test func(t *testing.T, m *moving)) {
	t.Helper()
	t.Parallel()
	for name, url := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite://" + t.TempDir() + "/test.db" },
		"postgres": func(t *testing.T) string { return testkit.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, newMoving(t, url(t))) })
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newMoving(t *testing.T, url string) *moving {
	root := t.TempDir()
	opener := &domain.Opener{Roots: []string{root}}
	d := tables.Open(t, url, "")
	domains := &artifact.Domains{DB: d, Open: opener.Open}
	t.Cleanup(func() { must(t, domains.Close()) })
	store := &artifact.Store{Algorithms: []artifact.Algorithm{artifact.SHA256, artifact.SHA512}, Domains: domains}
	place := func(name string) domain.Place {
		return domain.Place{Class: domain.FileSystem, Location: filepath.Join(root, name)}
	}
	row := model.Domain{ID: ident.New(), Name: "moved", StorageStamp: ident.New(), PulpCreated: model.Now(), PulpLastUpdated: model.Now()}
	m := &moving{t: t, db: d, env: &resource.Env{DB: d, Artifacts: store, Storages: opener}, id: row.ID, old: place("old"),
		task: migrateDomain{Domain: row.ID, Place: place("new")}, files: map[string]string{}}
	must(t, m.old.Keep(nil, &row))
	must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(&row).Error }))
	for n := range files {
		must(t, m.save(fmt.Sprintf("file %d", n)))
	}
	m.upload = &model.Upload{Base: model.NewBase(m.id), Size: 10}
	must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(m.upload).Error }))
	m.chunk(0, "chunk")
	return m
}

// store is that of the domain as it is now.
func (m *moving) store() *artifact.Store {
	m.t.Helper()
	store, err := m.env.Artifacts.In(m.t.Context(), m.id)
	must(m.t, err)
	return store
}

// save takes in a file, as an upload does.
func (m *moving) save(text string) error {
	ctx := m.t.Context()
	store, err := m.env.Artifacts.In(ctx, m.id)
	if err != nil {
		return err
	}
	file, err := store.Receive(ctx, strings.NewReader(text))
	if err != nil {
		return err
	}
	err = m.db.InTx(ctx, func(tx *db.Tx) error { return m.note(tx, file, text) })
	return errors.Join(err, file.Cancel())
}

func (m *moving) note(tx *db.Tx, file *artifact.Received, text string) error {
	a, _, err := file.Save(tx.Context(), tx, m.id)
	if err == nil {
		m.lock.Lock()
		defer m.lock.Unlock()
		m.files[a.ID] = text
	}
	return err
}

func (m *moving) chunk(at int, text string) {
	m.t.Helper()
	c, err := m.store().ReceiveChunk(m.t.Context(), m.db, m.upload, int64(at), int64(at+len(text)-1), strings.NewReader(text))
	must(m.t, err)
	must(m.t, c.Save(m.t.Context()))
}

// begin makes a task that runs.
func (m *moving) begin() *task.Run {
	m.t.Helper()
	worker := "worker " + ident.New()
	row := task.Row{ID: ident.New(), DomainID: m.id, Name: m.task.Kind(), State: task.Running, Args: []byte{}, Worker: &worker, PulpCreated: model.Now(), PulpLastUpdated: model.Now()}
	must(m.t, m.db.InTx(m.t.Context(), func(tx *db.Tx) error { return tx.Create(&row).Error }))
	run := task.NewRun(task.Setup{DB: m.db, Row: &row, Folder: m.t.TempDir()})
	m.t.Cleanup(func() { _ = run.Close(context.WithoutCancel(m.t.Context())) })
	return run
}

// target is the new storage with something put between.
func (m *moving) target() *target {
	m.t.Helper()
	to, err := m.env.Storages.OpenPlace(m.task.Place)
	must(m.t, err)
	m.t.Cleanup(func() { must(m.t, to.(io.Closer).Close()) })
	return &target{Storage: to}
}

func (m *moving) migrate(ctx context.Context, to storage.Storage) error {
	return migrateTo(ctx, m.begin(), m.env, m.task, to)
}

// noted is how many files count as copied.
func (m *moving) noted() (n int64) {
	m.t.Helper()
	must(m.t, m.db.Read(m.t.Context()).Table("core_migrated_artifacts").Count(&n).Error)
	return n
}

// isAt looks where the domain has its storage, and that all of its files are there, whole.
func (m *moving) isAt(place domain.Place) {
	m.t.Helper()
	var row model.Domain
	must(m.t, m.db.Read(m.t.Context()).Where("id = ?", m.id).Take(&row).Error)
	now, err := domain.Outline(&row)
	must(m.t, err)
	if now.ID() != place.ID() {
		m.t.Fatalf("the domain is at %s, not at %s", now.Location, place.Location)
	}
	store := m.store()
	var rows []model.Artifact
	must(m.t, m.db.Read(m.t.Context()).Where("domain_id = ?", m.id).Find(&rows).Error)
	if len(rows) < len(m.files) {
		m.t.Errorf("%d artifacts for %d files", len(rows), len(m.files))
	}
	for _, a := range rows {
		r, err := store.Storage.Open(m.t.Context(), a.File, 0, -1)
		must(m.t, err)
		text, err := io.ReadAll(r)
		must(m.t, errors.Join(err, r.Close()))
		if want := m.files[a.ID]; string(text) != want {
			m.t.Errorf("%s is %q and should be %q", a.File, text, want)
		}
	}
}

// arrived ends a story: the domain is in the new place, needs nothing of the old one, and the upload goes on.
func (m *moving) arrived() {
	m.t.Helper()
	must(m.t, os.RemoveAll(m.old.Location))
	m.isAt(m.task.Place)
	m.chunk(5, "after")
	file, err := m.store().Assemble(m.t.Context(), m.db, m.upload.ID)
	must(m.t, err)
	must(m.t, m.db.InTx(m.t.Context(), func(tx *db.Tx) error { return m.note(tx, file, "chunkafter") }))
	m.isAt(m.task.Place)
	if n := m.noted(); n != 0 {
		m.t.Errorf("%d notes were left", n)
	}
}

// target is a storage that does something before a blob is committed, and damages what it is told to.
type target struct {
	storage.Storage
	// before is called with the number of the commit, from 1 on; nil does nothing.
	before func(n int) error
	// damage tells of a key whether its bytes are to be others than were sent.
	damage func(key string) bool

	lock      sync.Mutex
	committed []string
}

func (s *target) Stage(ctx context.Context) (storage.Staged, error) {
	staged, err := s.Storage.Stage(ctx)
	return &targetStage{staged, s}, err
}

type targetStage struct {
	storage.Staged
	to *target
}

func (s *targetStage) Commit(ctx context.Context, key string) error {
	s.to.lock.Lock()
	s.to.committed = append(s.to.committed, key)
	n := len(s.to.committed)
	s.to.lock.Unlock()
	if s.to.before != nil {
		if err := s.to.before(n); err != nil {
			return err
		}
	}
	if err := s.Staged.Commit(ctx, key); err != nil {
		return err
	}
	if s.to.damage != nil && s.to.damage(key) {
		return s.to.spoil(ctx, key)
	}
	return nil
}

// spoil changes one byte of a blob.
func (s *target) spoil(ctx context.Context, key string) error {
	r, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	text[len(text)/2] ^= 1
	_, err = storage.Put(ctx, s.Storage, key, strings.NewReader(string(text)))
	return err
}

// artifacts is how many of the commits were of artifacts.
func (s *target) artifacts() (n int) {
	for _, key := range s.committed {
		if strings.HasPrefix(key, "artifact/") {
			n++
		}
	}
	return n
}

var (
	_ storage.Storage = (*target)(nil)
	_ storage.Staged  = (*targetStage)(nil)
)
