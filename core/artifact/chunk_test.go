package artifact_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// Whatever the order of the chunks, and however often some come again, the artifact is the file.
func TestAnUploadIsItsChunks(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		rapid.Check(t, func(t *rapid.T) {
			file := random(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 3000).Draw(t, "size"))
			u := w.upload(len(file))
			cuts := map[int]int{} // first → end
			for first := 0; first < len(file); {
				end := min(len(file), first+rapid.IntRange(1, 1500).Draw(t, "chunk"))
				cuts[first], first = end, end
			}
			order := rapid.Permutation(sortedKeys(cuts)).Draw(t, "order")
			for _, first := range append(order, rapid.SliceOfN(rapid.SampledFrom(order), 0, 2).Draw(t, "again")...) {
				if rapid.IntRange(0, 3).Draw(t, "wrong first") == 0 {
					w.chunk(u, random(9, len(file)), first, cuts[first])
				}
				w.chunk(u, file, first, cuts[first])
			}
			a, err := w.consume(u)
			must(w.t, err)
			if got := w.bytes(a.File); !bytes.Equal(got, file) || a.SHA256 != digest(file) {
				t.Fatalf("%d bytes became others", len(file))
			}
		})
		for _, key := range w.keys() {
			if strings.HasPrefix(key, "upload/") {
				t.Errorf("%s is left", key)
			}
		}
	})
}

func sortedKeys(m map[int]int) (keys []int) {
	for first := 0; len(keys) < len(m); first = m[first] {
		keys = append(keys, first)
	}
	return keys
}

func TestGapsAndOverlapsAreTold(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		file := random(1, 100)
		for name, c := range map[string]struct {
			chunks [][2]int
			say    string
		}{
			"nothing":          {nil, "bytes 0-99 are missing"},
			"no beginning":     {[][2]int{{50, 100}}, "bytes 0-49 are missing"},
			"no end":           {[][2]int{{0, 50}}, "bytes 50-99 are missing"},
			"a hole":           {[][2]int{{0, 50}, {60, 100}}, "bytes 50-59 are missing"},
			"an overlap":       {[][2]int{{0, 60}, {50, 100}}, "overlap at byte 50"},
			"one in the other": {[][2]int{{0, 100}, {20, 30}}, "overlap at byte 20"},
		} {
			u := w.upload(len(file))
			for _, r := range c.chunks {
				w.chunk(u, file, r[0], r[1])
			}
			_, err := w.consume(u)
			if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w.rows("core_artifacts") != 0 {
			t.Error("an artifact was made")
		}
	})
}

func TestAnEmptyUpload(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		a, err := w.consume(w.upload(0))
		must(t, err)
		if a.Size != 0 || a.SHA256 != digest(nil) || len(w.bytes(a.File)) != 0 {
			t.Errorf("%+v", a)
		}
	})
}

func TestAChunkMustFitItsRange(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		u := w.upload(100)
		for name, c := range map[string]struct {
			first, last int64
			bytes       int
		}{"too short": {0, 9, 9}, "too long": {0, 9, 11}, "empty": {0, 9, 0}, "before the file": {-1, 9, 10}, "behind the file": {91, 100, 10}, "backwards": {9, 0, 10}} {
			_, err := w.ReceiveChunk(t.Context(), w.DB, u, c.first, c.last, bytes.NewReader(random(1, c.bytes)))
			if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Invalid || !e.List {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := w.rows("core_upload_chunks"); n > 0 {
			t.Errorf("%d claims are left", n)
		}
	})
}

// A chunk that is cut off gives its range back, and harms none that was acknowledged.
func TestAChunkThatIsCutOff(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		file, other := random(1, 1000), random(2, 1000)
		u := w.upload(len(file))
		w.chunk(u, file, 0, 500)
		for _, first := range []int64{0, 250, 500} {
			body := io.MultiReader(bytes.NewReader(other[:200]), iotest.ErrReader(io.ErrUnexpectedEOF))
			if _, err := w.ReceiveChunk(t.Context(), w.DB, u, first, first+499, body); !errs.Is(err, errs.Invalid) {
				t.Errorf("at %d: %v", first, err)
			}
		}
		if n := w.rows("core_upload_chunks"); n != 1 {
			t.Errorf("%d chunks", n)
		}
		w.chunk(u, file, 500, 1000)
		a, err := w.consume(u)
		must(t, err)
		if !bytes.Equal(w.bytes(a.File), file) {
			t.Error("the file is another one")
		}
	})
}

// Claims of a process that died stand in nobody's way, wherever they are.
func TestClaimsOfTheDeadDoNotBlock(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		file := random(1, 1000)
		for _, claim := range [][2]int{{0, 300}, {100, 1000}, {0, 1000}, {999, 1000}} {
			u := w.upload(len(file))
			w.begun(u, random(2, 1000), claim[0], claim[1]) // and never heard of again
			w.chunk(u, file, 0, 600)
			w.chunk(u, file, 600, 1000)
			a, err := w.consume(u)
			must(t, err)
			if !bytes.Equal(w.bytes(a.File), file) {
				t.Errorf("%v: the file is another one", claim)
			}
		}
	})
}

// A writer who is slow and not dead must not write into a range that was given to somebody else since: neither before the
// upload is assembled, nor when the file is an artifact already.
func TestASlowWriterHarmsNobody(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		file := random(1, 1000)
		for _, early := range []bool{true, false} {
			u := w.upload(len(file))
			finish := w.slowWriter(u, random(2, len(file)))
			w.chunk(u, file, 0, 500)
			w.chunk(u, file, 500, 1000)
			if early {
				finish()
			}
			received, err := w.Assemble(t.Context(), w.DB, u.ID)
			must(t, err)
			a, _, err := w.save(received)
			must(t, err)
			if !early {
				finish()
			}
			if !bytes.Equal(w.bytes(a.File), file) {
				t.Errorf("early %v: the file is another one", early)
			}
		}
	})
}

// slowWriter begins to send the whole of an upload, and goes on when the function is called that it gives. That function
// returns when the bytes have arrived, whatever came of them.
func (w *world) slowWriter(u *model.Upload, bytes []byte) (finish func()) {
	w.t.Helper()
	begun, proceed, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	at := 0
	body := readerFunc(func(p []byte) (int, error) {
		if at == 0 {
			close(begun)
			<-proceed
		}
		n := copy(p, bytes[at:])
		if at += n; n == 0 {
			return 0, io.EOF
		}
		return n, nil
	})
	go func() {
		defer close(done)
		if c, err := w.ReceiveChunk(w.t.Context(), w.DB, u, 0, u.Size-1, body); err == nil {
			_ = c.Cancel() // the sender has given up, and would not hear of it
		}
	}()
	<-begun
	return func() { close(proceed); <-done }
}

func TestConcurrentPutsOfOneRange(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		file := random(1, 4000)
		u := w.upload(len(file))
		var wait sync.WaitGroup
		failures := make([]error, 8)
		for i := range failures {
			wait.Go(func() {
				first := int64(i%2) * 2000
				c, err := w.ReceiveChunk(t.Context(), w.DB, u, first, first+1999, bytes.NewReader(file[first:first+2000]))
				if err == nil {
					err = errors.Join(c.Save(t.Context()), c.Cancel())
				}
				// One in place may hear that a later one took its range: it sends again, for nothing.
				if err != nil && !errs.Is(err, errs.Conflict) {
					failures[i] = err
				}
			})
		}
		wait.Wait()
		must(t, errors.Join(failures...))
		a, err := w.consume(u)
		must(t, err)
		if !bytes.Equal(w.bytes(a.File), file) {
			t.Error("the file is another one")
		}
		if keys := w.keys(); len(keys) != 1 {
			t.Errorf("left are %v", keys)
		}
	})
}

func TestDeleteUploadRemovesAllBlobs(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		file := random(1, 1000)
		for name, fill := range map[string]func(u *model.Upload){
			"chunks":           func(u *model.Upload) { w.chunk(u, file, 0, 500); w.chunk(u, file, 500, 1000) },
			"replaced chunks":  func(u *model.Upload) { w.chunk(u, file, 0, 500); w.chunk(u, file, 0, 400); w.chunk(u, file, 0, 500) },
			"a claim only":     func(u *model.Upload) { must(t, w.begun(u, file, 0, 500).Cancel()) },
			"one never saved":  func(u *model.Upload) { c := w.begun(u, file, 0, 500); t.Cleanup(func() { must(t, c.Cancel()) }) },
			"nothing received": func(*model.Upload) {},
		} {
			u := w.upload(len(file))
			fill(u)
			must(t, w.InTx(t.Context(), func(tx *db.Tx) error { return w.DeleteUpload(tx, u.ID) }))
			if keys := w.keys(); len(keys) > 0 || w.rows("core_uploads")+w.rows("core_upload_chunks") > 0 {
				t.Errorf("%s: left are %v", name, keys)
			}
		}
	})
}

// The upload is deleted while a chunk comes in: the chunk is refused, and nothing stays behind.
func TestAChunkOfADeletedUpload(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		for name, end := range map[string]func(c *artifact.Chunk) error{
			"saved":    func(c *artifact.Chunk) error { return c.Save(t.Context()) },
			"canceled": func(*artifact.Chunk) error { return errs.New(errs.NotFound, "as it should be") },
		} {
			u := w.upload(100)
			var c *artifact.Chunk
			c, err := w.ReceiveChunk(t.Context(), w.DB, u, 0, 99, io.MultiReader(bytes.NewReader(random(1, 60)), readerFunc(func([]byte) (int, error) {
				must(t, w.InTx(t.Context(), func(tx *db.Tx) error { return w.DeleteUpload(tx, u.ID) }))
				return 0, io.EOF
			}), bytes.NewReader(random(1, 40))))
			must(t, err)
			if err := end(c); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
			must(t, c.Cancel())
			if keys := w.keys(); len(keys) > 0 {
				t.Errorf("%s: left are %v", name, keys)
			}
		}
	})
}

// The process dies between the move of the file and the commit of its row: a retry makes the artifact.
func TestARetryAfterTheFileWasMoved(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		file := random(1, 1000)
		u := w.upload(len(file))
		w.chunk(u, file, 0, 500)
		w.chunk(u, file, 500, 1000)
		crash := errors.New("crash")
		for range 2 {
			received, err := w.Assemble(t.Context(), w.DB, u.ID)
			must(t, err)
			err = w.InTx(t.Context(), func(tx *db.Tx) error {
				_, _, err := received.Save(t.Context(), tx, ident.DefaultDomain)
				return errors.Join(err, crash)
			})
			if !errors.Is(err, crash) {
				t.Fatal(err)
			}
		}
		// Meanwhile somebody else brings the same bytes, which are his then, whatever becomes of the upload.
		other, _, err := w.save(w.receive(bytes.NewReader(file)))
		must(t, err)
		a, err := w.consume(u)
		must(t, err)
		if a.ID != other.ID || !bytes.Equal(w.bytes(a.File), file) || len(w.keys()) != 1 {
			t.Errorf("%s beside %s, blobs %v", a.ID, other.ID, w.keys())
		}
	})
}

// A file that was moved and then cleared away is told, and sending a chunk again mends it.
func TestLostAndDamagedChunksAreTold(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		file := random(1, 1000)
		u := w.upload(len(file))
		w.chunk(u, file, 0, 500)
		w.chunk(u, file, 500, 1000)
		for _, key := range w.keys() {
			s, err := w.Storage.Stage(t.Context())
			must(t, err)
			_, err = s.Write(bytes.Repeat([]byte{0}, 1000)) // what a power failure may leave of it
			must(t, err)
			must(t, s.Commit(t.Context(), key))
		}
		if _, err := w.consume(u); !errs.Is(err, errs.Conflict) {
			t.Errorf("damaged: %v", err)
		}
		for _, key := range w.keys() {
			must(t, w.Storage.Delete(t.Context(), key))
		}
		if _, err := w.consume(u); !errs.Is(err, errs.Conflict) {
			t.Errorf("lost: %v", err)
		}
		w.chunk(u, file, 0, 500)
		w.chunk(u, file, 500, 1000)
		a, err := w.consume(u)
		must(t, err)
		if !bytes.Equal(w.bytes(a.File), file) {
			t.Error("the file is another one")
		}
	})
}

func TestAnUploadThatIsGone(t *testing.T) {
	onAll(t, func(t *testing.T, w *world) {
		if _, err := w.Assemble(t.Context(), w.DB, ident.New()); !errs.Is(err, errs.NotFound) {
			t.Errorf("assemble: %v", err)
		}
		if err := w.InTx(t.Context(), func(tx *db.Tx) error { return w.DeleteUpload(tx, ident.New()) }); !errs.Is(err, errs.NotFound) {
			t.Errorf("delete: %v", err)
		}
	})
}

// While an upload is hashed, others can write: it holds no transaction.
func TestNoTransactionIsHeldWhileHashing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		file := random(1, 1000)
		u := w.upload(len(file))
		w.chunk(u, file, 0, 1000)
		watched := *w
		watched.Store = &artifact.Store{Algorithms: w.Algorithms, Storage: watching{blobs{w.Storage}, func() { w.upload(1) }}}
		before := w.rows("core_uploads")
		_, err := watched.consume(u)
		must(t, err)
		if n := w.rows("core_uploads"); n == before-1 {
			t.Error("nothing was written meanwhile")
		}
	})
}
