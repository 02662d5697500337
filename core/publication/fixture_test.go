package publication_test

import (
	"fmt"
	"testing"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/publication"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// world is a database, a store, a task that runs, and a repository.
type world struct {
	t testing.TB
	*db.DB
	store    *artifact.Store
	run      *task.Run
	versions *repository.Committer
	repo     *model.Repository
}

func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, "sqlite://"+t.TempDir()+"/test.db")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, testkit.Postgres(t))) })
}

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	d := tables.Open(t, url, "CREATE TABLE test_plains (id {{uuid}} PRIMARY KEY REFERENCES core_contents (id) ON DELETE CASCADE);")
	files, err := fs.New(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, files.Close()) })
	w := &world{t: t, DB: d, store: &artifact.Store{Storage: files, Algorithms: []artifact.Algorithm{artifact.SHA256}},
		versions: repository.NewCommitter(repository.ContentType{PulpType: "test.plain", Table: "test_plains"}),
		repo:     &model.Repository{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.test", Name: "published"}}
	worker, now := "worker", model.Now()
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.publish", State: task.Running, Args: []byte("{}"), Worker: &worker, PulpCreated: now, PulpLastUpdated: now}
	w.tx(func(tx *db.Tx) error {
		if err := tx.Create(row).Error; err != nil {
			return err
		}
		if err := tx.Create(w.repo).Error; err != nil {
			return err
		}
		return w.versions.Create(tx, w.repo)
	})
	w.run = task.NewRun(task.Setup{DB: d, Row: row, Folder: t.TempDir()})
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) tx(work func(tx *db.Tx) error) {
	w.t.Helper()
	must(w.t, w.InTx(w.t.Context(), work))
}

// version makes a version with n more units, each with one artifact at two paths.
func (w *world) version(n int) *model.RepositoryVersion {
	w.t.Helper()
	var v *model.RepositoryVersion
	w.tx(func(tx *db.Tx) error {
		a := &model.Artifact{Base: model.NewBase(ident.DefaultDomain), File: "artifact/x", Size: 1}
		a.SHA256 = a.ID
		contents, details, paths := make([]model.Content, n), make([]map[string]any, n), []model.ContentArtifact{}
		var ids []string
		for i := range contents {
			contents[i] = model.Content{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.plain", TimestampOfInterest: model.Now(), FirstSeenAt: model.Now()}
			id := contents[i].ID
			details[i] = map[string]any{"id": id}
			paths = append(paths, model.ContentArtifact{ContentID: id, RelativePath: "a/" + id, ArtifactID: &a.ID}, model.ContentArtifact{ContentID: id, RelativePath: "b/" + id, ArtifactID: &a.ID})
			ids = append(ids, id)
		}
		if err := tx.Create(a).Error; err != nil {
			return err
		}
		if err := tx.CreateInBatches(contents, 500).Error; err != nil {
			return err
		}
		if err := tx.Table("test_plains").CreateInBatches(details, 500).Error; err != nil {
			return err
		}
		err := tx.CreateInBatches(paths, 500).Error
		if err != nil {
			return err
		}
		v, err = w.versions.Commit(tx, w.repo.ID, repository.Delta{Add: ids})
		return err
	})
	return v
}

// publish makes a publication of a version.
func (w *world) publish(v *model.RepositoryVersion, build func(d *publication.Draft) error) (*model.Publication, error) {
	return publication.Make(w.t.Context(), w.run, w.store, publication.Spec{Type: "test.test", Model: "test.testpublication", Path: "publications/test/test", Version: v}, build)
}

func (w *world) count(query string, args ...any) (n int64) {
	w.t.Helper()
	must(w.t, w.Read(w.t.Context()).Raw("SELECT count(*) FROM "+query, args...).Scan(&n).Error)
	return n
}

// blobs lists what is visible in the storage.
func (w *world) blobs() string {
	w.t.Helper()
	var keys []string
	for info, err := range w.store.Storage.List(w.t.Context(), "") {
		must(w.t, err)
		keys = append(keys, info.Key)
	}
	return fmt.Sprint(keys)
}

// failing makes the storage fail with an error from here on.
func (w *world) failing(err error) {
	w.store = &artifact.Store{Storage: full{w.store.Storage, err}, Algorithms: w.store.Algorithms}
}

type full struct {
	storage.Storage
	err error
}
