package artifact_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
	"github.com/packhouse/packhouse/core/storage/fs"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// world is a database with the core's tables, and a store.
type world struct {
	t testing.TB
	*db.DB
	*artifact.Store
}

// onBoth runs a test on both databases.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, "sqlite://"+t.TempDir()+"/test.db")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, testkit.Postgres(t))) })
}

// onAll runs a test on both databases, with a storage that writes in place and one that cannot.
func onAll(t *testing.T, test func(t *testing.T, w *world)) {
	onBoth(t, func(t *testing.T, w *world) {
		other := *w
		other.Store = &artifact.Store{Storage: blobs{w.Storage}, Algorithms: w.Algorithms}
		t.Run("in place", func(t *testing.T) { v := *w; v.t = t; test(t, &v) })
		t.Run("in blobs", func(t *testing.T) { other.t = t; test(t, &other) })
	})
}

// blobs is a storage that cannot write in place.
type blobs struct{ storage.Storage }

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	d := tables.Open(t, url, "")
	files, err := fs.New(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, files.Close()) })
	return &world{t, d, &artifact.Store{Storage: files, Algorithms: []artifact.Algorithm{artifact.SHA256, artifact.SHA512}}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// receive takes in bytes.
func (w *world) receive(r io.Reader) *artifact.Received {
	w.t.Helper()
	received, err := w.Receive(w.t.Context(), r)
	must(w.t, err)
	return received
}

// save saves what was received in a transaction of its own.
func (w *world) save(r *artifact.Received) (a *model.Artifact, created bool, err error) {
	w.t.Helper()
	err = w.InTx(w.t.Context(), func(tx *db.Tx) (err error) {
		a, created, err = r.Save(w.t.Context(), tx, ident.DefaultDomain)
		return err
	})
	return a, created, errors.Join(err, r.Cancel())
}

// bytes reads a blob.
func (w *world) bytes(key string) []byte {
	w.t.Helper()
	r, err := w.Storage.Open(w.t.Context(), key, 0, -1)
	must(w.t, err)
	defer r.Close()
	all, err := io.ReadAll(r)
	must(w.t, err)
	return all
}

// keys are all blobs that are visible.
func (w *world) keys() (keys []string) {
	w.t.Helper()
	for info, err := range w.Storage.List(w.t.Context(), "") {
		must(w.t, err)
		keys = append(keys, info.Key)
	}
	return keys
}

// rows counts the rows of a table.
func (w *world) rows(table string) (n int64) {
	w.t.Helper()
	must(w.t, w.Read(w.t.Context()).Table(table).Count(&n).Error)
	return n
}

// random gives bytes that are different for each seed.
func random(seed uint64, n int) []byte {
	source := rand.NewPCG(seed, uint64(n))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(source.Uint64())
	}
	return out
}

// faulty is a storage some of whose steps fail.
type faulty struct {
	storage.Storage
	write, commit error
}

func (f faulty) Stage(ctx context.Context) (storage.Staged, error) {
	s, err := f.Storage.Stage(ctx)
	return &faultyStage{s, f}, err
}

type faultyStage struct {
	storage.Staged
	f faulty
}

func (s *faultyStage) Write(p []byte) (int, error) {
	if s.f.write != nil {
		return 0, s.f.write
	}
	return s.Staged.Write(p)
}

func (s *faultyStage) Commit(ctx context.Context, key string) error {
	if s.f.commit != nil {
		return s.f.commit
	}
	return s.Staged.Commit(ctx, key)
}

// upload begins an upload.
func (w *world) upload(size int) *model.Upload {
	w.t.Helper()
	u := &model.Upload{Base: model.NewBase(ident.DefaultDomain), Size: int64(size)}
	must(w.t, w.InTx(w.t.Context(), func(tx *db.Tx) error { return tx.Create(u).Error }))
	return u
}

// chunk receives and saves the bytes of a file from first up to, not including, end.
func (w *world) chunk(u *model.Upload, file []byte, first, end int) {
	w.t.Helper()
	c := w.begun(u, file, first, end)
	must(w.t, c.Save(w.t.Context()))
	must(w.t, c.Cancel())
}

// begun receives a chunk that does not count yet.
func (w *world) begun(u *model.Upload, file []byte, first, end int) *artifact.Chunk {
	w.t.Helper()
	c, err := w.ReceiveChunk(w.t.Context(), w.DB, u, int64(first), int64(end-1), &slow{bytes: slices.Clone(file[first:end])})
	must(w.t, err)
	return c
}

// slow gives few bytes at a time.
type slow struct{ bytes []byte }

func (s *slow) Read(p []byte) (int, error) {
	if len(s.bytes) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 7)], s.bytes)
	s.bytes = s.bytes[n:]
	return n, nil
}

// consume assembles an upload into an artifact, as a task does.
func (w *world) consume(u *model.Upload) (*model.Artifact, error) {
	w.t.Helper()
	received, err := w.Assemble(w.t.Context(), w.DB, u.ID)
	if err != nil {
		return nil, err
	}
	var a *model.Artifact
	err = w.InTx(w.t.Context(), func(tx *db.Tx) (err error) {
		if a, _, err = received.Save(w.t.Context(), tx, ident.DefaultDomain); err != nil {
			return err
		}
		return w.DeleteUpload(tx, u.ID)
	})
	return a, errors.Join(err, received.Cancel())
}

// watching is a storage that does something else whenever it is read.
type watching struct {
	storage.Storage
	meanwhile func()
}

func (w watching) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	w.meanwhile()
	return w.Storage.Open(ctx, key, offset, length)
}
