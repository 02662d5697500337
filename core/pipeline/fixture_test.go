package pipeline_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/pipeline"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/secret"
	storage "github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// details is the table of a content type named by path and digest.
const details = `
CREATE TABLE test_files (
  id {{uuid}} PRIMARY KEY REFERENCES core_contents (id) ON DELETE CASCADE,
  domain_id {{uuid}} NOT NULL,
  path {{text}} NOT NULL,
  digest {{text}} NOT NULL,
  CONSTRAINT test_files_unit UNIQUE (domain_id, path, digest)
);
`

// row is a unit of that type.
type row struct{ path string }

var kind = pipeline.Kind{
	ContentType: repository.ContentType{PulpType: "test.file", Table: "test_files", Key: "path", Paths: true},
	Columns:     []string{"path", "digest"}, NaturalKey: []string{"path", "digest"},
	Values: func(r any, files []pipeline.Stored) ([]any, error) {
		return []any{r.(*row).path, files[0].Digests[artifact.SHA256]}, nil
	},
}

// world is a database with the core's tables, a store, and an upstream.
type world struct {
	t testing.TB
	*db.DB
	*repository.Committer
	store   *artifact.Store
	remotes *remote.Remotes
	up      *upstream.Server
}

func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, "sqlite://"+t.TempDir()+"/test.db")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, testkit.Postgres(t))) })
}

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	d := tables.Open(t, url, details)
	files, err := storage.New(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, files.Close()) })
	box, err := secret.New(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	w := &world{t: t, DB: d, Committer: repository.NewCommitter(kind.ContentType),
		store:   &artifact.Store{Storage: files, Algorithms: []artifact.Algorithm{artifact.SHA256, artifact.MD5}},
		remotes: remote.New(remote.Options{Box: box, Egress: []string{"127.0.0.0/8"}}), up: upstream.New(t)}
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

func (w *world) repository() string {
	w.t.Helper()
	r := &model.Repository{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.test", Name: ident.New()}
	w.tx(func(tx *db.Tx) error {
		if err := tx.Create(r).Error; err != nil {
			return err
		}
		return w.Create(tx, r)
	})
	return r.ID
}

// remote makes a remote of a policy that tries nothing twice.
func (w *world) remote(policy model.Policy) *model.Remote {
	w.t.Helper()
	none := int64(0)
	r := &model.Remote{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.test", Name: ident.New(), URL: w.up.URL, Policy: policy, TLSValidation: true, MaxRetries: &none}
	w.tx(func(tx *db.Tx) error { return tx.Create(r).Error })
	return r
}

// run makes a running task.
func (w *world) run() *task.Run {
	w.t.Helper()
	worker := "w"
	r := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.sync", State: task.Running, Args: []byte{1}, Worker: &worker}
	r.PulpCreated, r.PulpLastUpdated = model.Now(), model.Now()
	w.tx(func(tx *db.Tx) error { return tx.Create(r).Error })
	run := task.NewRun(task.Setup{DB: w.DB, Row: r, Folder: w.t.TempDir()})
	w.t.Cleanup(func() { _ = run.Close(context.Background()) })
	return run
}

// file is what the upstream has at a path; with put it has it really.
func (w *world) file(path, text string) pipeline.Unit {
	size := int64(len(text))
	return pipeline.Unit{Row: &row{path: path}, Files: []pipeline.File{{RelativePath: path, URL: w.up.URL + "/" + path, Size: &size,
		Digests: artifact.Digests{artifact.SHA256: digest(text)}}}}
}

func (w *world) put(path, text string) pipeline.Unit {
	w.up.Set("/"+path, []byte(text))
	return w.file(path, text)
}

// atHand is a unit whose bytes need not be fetched, and whose digest nobody tells.
func atHand(path, text string) pipeline.Unit {
	return pipeline.Unit{Row: &row{path: path}, Files: []pipeline.File{{RelativePath: path,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(text))), nil }}}}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// job is one sync.
type job struct {
	repo   string
	remote *model.Remote
	mirror bool
	units  []pipeline.Unit
}

func (w *world) sync(j job) (*model.RepositoryVersion, error) {
	w.t.Helper()
	return w.syncBy(w.t.Context(), w.run(), j)
}

func (w *world) syncBy(ctx context.Context, run *task.Run, j job) (*model.RepositoryVersion, error) {
	return pipeline.Run(ctx, pipeline.Options{Run: run, Store: w.store, Versions: w.Committer, Remotes: w.remotes, Remote: j.remote, Kind: kind,
		RepositoryID: j.repo, KindPath: "repositories/test/test", Mirror: j.mirror}, func(_ context.Context, emit func(pipeline.Unit) error) error {
		for _, u := range j.units {
			if err := emit(u); err != nil {
				return err
			}
		}
		return nil
	})
}

// content is what the newest version holds: digests by path.
func (w *world) content(repo string) map[string]string {
	w.t.Helper()
	var rows []struct{ Path, Digest string }
	must(w.t, w.Read(w.t.Context()).Raw(`SELECT d.path, d.digest FROM core_repository_contents m JOIN test_files d ON d.id = m.content_id
		WHERE m.repository_id = ? AND m.version_removed IS NULL`, repo).Scan(&rows).Error)
	held := map[string]string{}
	for _, r := range rows {
		held[r.Path] = r.Digest
	}
	if len(held) != len(rows) {
		w.t.Fatalf("two units have one path: %v", rows)
	}
	return held
}

// holds checks the newest version against texts by path.
func (w *world) holds(repo string, want map[string]string) {
	w.t.Helper()
	digests := map[string]string{}
	for path, text := range want {
		digests[path] = digest(text)
	}
	if got := w.content(repo); !maps.Equal(got, digests) {
		w.t.Errorf("the version holds %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func (w *world) count(table string) (n int64) {
	w.t.Helper()
	must(w.t, w.Read(w.t.Context()).Table(table).Count(&n).Error)
	return n
}

// stored is the text behind a path, "" when it was not downloaded.
func (w *world) stored(repo, path string) string {
	w.t.Helper()
	var key []string
	must(w.t, w.Read(w.t.Context()).Raw(`SELECT a.file FROM core_repository_contents m JOIN core_content_artifacts ca ON ca.content_id = m.content_id JOIN core_artifacts a ON a.id = ca.artifact_id
		WHERE m.repository_id = ? AND m.repo_key = ? AND m.version_removed IS NULL`, repo, path).Scan(&key).Error)
	if len(key) == 0 {
		return ""
	}
	r, err := w.store.Storage.Open(w.t.Context(), key[0], 0, -1)
	must(w.t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	must(w.t, err)
	return string(text)
}
