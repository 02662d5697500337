package repository_test

import (
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// details are the tables of two content types: one with paths as keys, one without a key.
const details = `
CREATE TABLE test_paths (id {{uuid}} PRIMARY KEY REFERENCES core_contents (id) ON DELETE CASCADE, path {{text}} NOT NULL);

CREATE TABLE test_plains (id {{uuid}} PRIMARY KEY REFERENCES core_contents (id) ON DELETE CASCADE);
`

// world is a database with the core's tables and two types of content.
type world struct {
	t testing.TB
	*db.DB
	*repository.Committer
}

func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, "sqlite://"+t.TempDir()+"/test.db")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, testkit.Postgres(t))) })
}

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	d := tables.Open(t, url, details)
	return &world{t, d, repository.NewCommitter(
		repository.ContentType{PulpType: "test.path", Table: "test_paths", Key: "path", Paths: true},
		repository.ContentType{PulpType: "test.plain", Table: "test_plains"})}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tx runs work in a transaction that must succeed.
func (w *world) tx(work func(tx *db.Tx) error) {
	w.t.Helper()
	must(w.t, w.InTx(w.t.Context(), work))
}

// repository makes a repository with version 0.
func (w *world) repository(name string, keep *int64) *model.Repository {
	w.t.Helper()
	r := &model.Repository{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.test", Name: name, RetainRepoVersions: keep}
	w.tx(func(tx *db.Tx) error {
		if err := tx.Create(r).Error; err != nil {
			return err
		}
		return w.Create(tx, r)
	})
	return r
}

// path makes a unit of content at a path, plain one without a key.
func (w *world) path(path string) string { return w.content("test.path", "test_paths", path) }

func (w *world) plain() string { return w.content("test.plain", "test_plains", "") }

func (w *world) content(pulpType, table, path string) string {
	w.t.Helper()
	c := &model.Content{Base: model.NewBase(ident.DefaultDomain), PulpType: pulpType, TimestampOfInterest: time.Now(), FirstSeenAt: time.Now()}
	w.tx(func(tx *db.Tx) error {
		if err := tx.Create(c).Error; err != nil {
			return err
		}
		row := map[string]any{"id": c.ID}
		if path != "" {
			row["path"] = path
		}
		return tx.Table(table).Create(row).Error
	})
	return c.ID
}

// commit commits a delta.
func (w *world) commit(repo string, d repository.Delta) (v *model.RepositoryVersion, err error) {
	w.t.Helper()
	err = w.InTx(w.t.Context(), func(tx *db.Tx) (err error) {
		v, err = w.Commit(tx, repo, d)
		return err
	})
	return v, err
}

// version commits a delta that must make a version.
func (w *world) version(repo string, d repository.Delta) *model.RepositoryVersion {
	w.t.Helper()
	v, err := w.commit(repo, d)
	must(w.t, err)
	if v == nil {
		w.t.Fatal("the delta made no version")
	}
	return v
}

func (w *world) delete(v *model.RepositoryVersion) error {
	return w.InTx(w.t.Context(), func(tx *db.Tx) error { return w.DeleteVersion(tx, v) })
}

// members are the identities in a version.
func (w *world) members(v *model.RepositoryVersion) []string {
	w.t.Helper()
	var ids []string
	must(w.t, w.Read(w.t.Context()).Raw(`SELECT content_id FROM core_repository_contents WHERE repository_id = ? AND version_added <= ? AND (version_removed IS NULL OR version_removed > ?)
		ORDER BY content_id`, v.RepositoryID, v.Number, v.Number).Scan(&ids).Error)
	return ids
}

// versions are the versions of a repository, in order.
func (w *world) versions(repo string) []model.RepositoryVersion {
	w.t.Helper()
	var all []model.RepositoryVersion
	must(w.t, w.Read(w.t.Context()).Where("repository_id = ?", repo).Order("number").Find(&all).Error)
	return all
}
