package artifact_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// A big file passes through without being held: not parallel, since it looks at what the whole process allocates.
func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t, "sqlite://"+t.TempDir()+"/test.db")
	const size = 200 << 20
	u := w.upload(size)
	for name, take := range map[string]func() error{
		"receive": func() error {
			r, err := w.Receive(t.Context(), io.LimitReader(zeros{}, size))
			return errors.Join(err, r.Cancel())
		},
		"chunk": func() error {
			c, err := w.ReceiveChunk(t.Context(), w.DB, u, 0, size-1, io.LimitReader(zeros{}, size))
			return errors.Join(err, c.Save(t.Context()))
		},
	} {
		if n := allocated(t, take); n > 8<<20 {
			t.Errorf("%s allocates %d bytes for a file of %d", name, n, size)
		}
	}
	if n := allocated(t, func() error { _, err := w.consume(u); return err }); n > 8<<20 {
		t.Errorf("assembling allocates %d bytes for a file of %d", n, size)
	}
}

func allocated(t *testing.T, work func() error) uint64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	must(t, work())
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestEqualFilesAtOnceBecomeOneArtifact(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		file := random(1, 100_000)
		const senders = 8
		var wait sync.WaitGroup
		ids, created, failures := [senders]string{}, [senders]bool{}, [senders]error{}
		for i := range senders {
			wait.Go(func() {
				a, isNew, err := w.save(w.receive(bytes.NewReader(file)))
				created[i], failures[i] = isNew, err
				if err == nil {
					ids[i] = a.ID
				}
			})
		}
		wait.Wait()
		must(t, errors.Join(failures[:]...))
		n := 0
		for i := range senders {
			if ids[i] != ids[0] {
				t.Errorf("two artifacts: %s and %s", ids[0], ids[i])
			}
			if created[i] {
				n++
			}
		}
		if keys := w.keys(); n != 1 || w.rows("core_artifacts") != 1 || len(keys) != 1 || !bytes.Equal(w.bytes(keys[0]), file) {
			t.Errorf("%d were new, %d rows, blobs %v", n, w.rows("core_artifacts"), keys)
		}
	})
}

func TestVanishedAndShortenedFilesArePutBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		file := random(2, 5000)
		a, _, err := w.save(w.receive(bytes.NewReader(file)))
		must(t, err)
		for name, harm := range map[string]func(){
			"vanished": func() { must(t, w.Storage.Delete(t.Context(), a.File)) },
			"shortened": func() {
				s, err := w.Storage.Stage(t.Context())
				must(t, err)
				must(t, s.Commit(t.Context(), a.File))
			},
		} {
			harm()
			again, created, err := w.save(w.receive(bytes.NewReader(file)))
			must(t, err)
			if created || again.ID != a.ID || !bytes.Equal(w.bytes(a.File), file) {
				t.Errorf("%s: new %v, %s beside %s, %d bytes", name, created, again.ID, a.ID, len(w.bytes(a.File)))
			}
		}
	})
}

func TestCheckTellsWhatDiffers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		r := w.receive(strings.NewReader("hello"))
		right := digest([]byte("hello"))
		for name, c := range map[string]struct {
			size int64
			want artifact.Digests
			code string
		}{
			"nothing said":     {-1, nil, ""},
			"all right":        {5, artifact.Digests{artifact.SHA256: right}, ""},
			"another size":     {4, nil, "PLP0004"},
			"another digest":   {5, artifact.Digests{artifact.SHA256: strings.Repeat("0", 64)}, "PLP0003"},
			"one not computed": {5, artifact.Digests{artifact.MD5: strings.Repeat("0", 32)}, "PLP0020"},
		} {
			err := r.Check(c.size, c.want)
			if e, ok := errors.AsType[*errs.Error](err); c.code == "" && err != nil || c.code != "" && (!ok || e.Code != c.code || e.Kind != errs.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, r.Cancel())
		if keys := w.keys(); len(keys) > 0 {
			t.Errorf("canceled, and %v are there", keys)
		}
	})
}

func TestAFailureLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		good := w.Storage
		broken := errors.New("the sender broke off")
		full, down := errs.New(errs.StorageFull, "full"), errs.New(errs.Unavailable, "status 500")
		for name, c := range map[string]struct {
			storage faulty
			body    io.Reader
			kind    errs.Kind
		}{
			"the body breaks off":        {faulty{}, io.MultiReader(bytes.NewReader(random(3, 300_000)), iotest.ErrReader(broken)), errs.Invalid},
			"the disk is full":           {faulty{write: full}, bytes.NewReader(random(4, 300_000)), errs.StorageFull},
			"the disk is full at commit": {faulty{commit: full}, bytes.NewReader(random(5, 300_000)), errs.StorageFull},
			"the service is down":        {faulty{commit: down}, bytes.NewReader(random(6, 300_000)), errs.Unavailable},
		} {
			c.storage.Storage = good
			broken := *w
			broken.Store = &artifact.Store{Storage: c.storage, Algorithms: w.Algorithms}
			r, err := broken.Receive(t.Context(), c.body)
			if err == nil {
				_, _, err = broken.save(r)
			}
			if !errs.Is(err, c.kind) {
				t.Errorf("%s: %v", name, err)
			}
			if keys := w.keys(); len(keys) > 0 || w.rows("core_artifacts") > 0 {
				t.Errorf("%s: left %v and %d rows", name, keys, w.rows("core_artifacts"))
			}
		}
	})
}

func TestCancelAfterSaveDoesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		r := w.receive(strings.NewReader("kept"))
		a, _, err := w.save(r)
		must(t, err)
		must(t, r.Cancel())
		if string(w.bytes(a.File)) != "kept" {
			t.Error("the bytes are gone")
		}
	})
}

// A transaction that the database undoes is run again, with bytes that are committed by then.
func TestSaveMayRunAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		r := w.receive(strings.NewReader("twice"))
		undone := errors.New("undone")
		err := w.InTx(t.Context(), func(tx *db.Tx) error {
			_, _, err := r.Save(t.Context(), tx, ident.DefaultDomain)
			return errors.Join(err, undone)
		})
		if !errors.Is(err, undone) || w.rows("core_artifacts") != 0 {
			t.Fatal(err)
		}
		a, created, err := w.save(r)
		must(t, err)
		if !created || string(w.bytes(a.File)) != "twice" {
			t.Errorf("new %v, %q", created, w.bytes(a.File))
		}
	})
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := w.Receive(ctx, io.MultiReader(bytes.NewReader(random(7, 1000)), readerFunc(func([]byte) (int, error) { cancel(); return 1, nil }), zeros{}))
		if !errs.Is(err, errs.Canceled) {
			t.Errorf("gave %v", err)
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// What somebody asks for again is wanted again, and is not about to be cleared away any more.
func TestSaveNotesInterest(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		a, _, err := w.save(w.receive(strings.NewReader("wanted")))
		must(t, err)
		long := a.PulpCreated.AddDate(-1, 0, 0)
		must(t, w.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Model(a).Updates(map[string]any{"timestamp_of_interest": long, "reclaim_after": long}).Error
		}))
		_, _, err = w.save(w.receive(strings.NewReader("wanted")))
		must(t, err)
		var now model.Artifact
		must(t, w.Read(t.Context()).Take(&now).Error)
		if !now.TimestampOfInterest.After(long) || now.ReclaimAfter != nil {
			t.Errorf("wanted at %v, goes at %v", now.TimestampOfInterest, now.ReclaimAfter)
		}
	})
}
