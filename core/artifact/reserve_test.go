package artifact_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// saved stores a text as an artifact.
func (w *world) saved(text string) *model.Artifact {
	w.t.Helper()
	file, err := w.Receive(w.t.Context(), strings.NewReader(text))
	must(w.t, err)
	var a *model.Artifact
	must(w.t, w.InTx(w.t.Context(), func(tx *db.Tx) (err error) {
		a, _, err = file.Save(w.t.Context(), tx, ident.DefaultDomain)
		return err
	}))
	return a
}

func (w *world) forgotten(a *model.Artifact) {
	w.t.Helper()
	must(w.t, w.InTx(w.t.Context(), func(tx *db.Tx) error { return tx.Where("id = ?", a.ID).Delete(&model.Artifact{}).Error }))
}

func (w *world) stored(key string) bool {
	w.t.Helper()
	_, err := w.Storage.Stat(w.t.Context(), key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		w.t.Fatal(err)
	}
	return err == nil
}

func TestOnlyBytesThatNothingLeadsToAreRemoved(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		young, start := w.saved("young"), time.Now().Add(-time.Hour)
		w.forgotten(young)
		if n, err := w.RemoveUnreferenced(t.Context(), w.DB, []string{young.File}, start); n != 0 || err != nil || !w.stored(young.File) {
			t.Errorf("removed %d that were written since, %v", n, err)
		}
		kept, gone, halfWay := w.saved("kept"), w.saved("gone"), w.saved("half-way")
		w.forgotten(gone)
		w.forgotten(halfWay)
		base := model.NewBase(ident.DefaultDomain)
		must(t, w.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Create(&model.Upload{Base: base, Size: 8, Assembled: &halfWay.File}).Error
		}))
		_, err := storage.Put(t.Context(), w.Storage, "artifact/odd", strings.NewReader("of another layout"))
		must(t, err)
		n, err := w.RemoveUnreferenced(t.Context(), w.DB, []string{kept.File, gone.File, halfWay.File, "artifact/odd", artifact.Key(strings.Repeat("0", 64))}, time.Now())
		must(t, err)
		if n != 1 {
			t.Errorf("removed %d", n)
		}
		for key, want := range map[string]bool{kept.File: true, gone.File: false, halfWay.File: true, "artifact/odd": true} {
			if w.stored(key) != want {
				t.Errorf("%s is there: %t, want %t", key, !want, want)
			}
		}
	})
}

// Somebody has found no row, puts the bytes in place and has not written the row yet: they stay.
func TestBytesThatGetTheirRowJustNowStay(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		if w.Dialect() == db.SQLite {
			return // one writer at a time: the other one waits for its turn, which the race below tries
		}
		file, err := w.Receive(t.Context(), strings.NewReader("late"))
		must(t, err)
		var a *model.Artifact
		must(t, w.InTx(t.Context(), func(tx *db.Tx) (err error) {
			if a, _, err = file.Save(t.Context(), tx, ident.DefaultDomain); err != nil {
				return err
			}
			n, err := w.RemoveUnreferenced(t.Context(), w.DB, []string{a.File}, time.Now())
			if n > 0 {
				t.Error("the bytes were removed before their row was committed")
			}
			return err
		}))
		if !w.stored(a.File) {
			t.Error("a row without bytes")
		}
	})
}

// One keeps storing the same bytes, another one keeps forgetting them: whenever there is a row, there are bytes.
func TestRowsAlwaysHaveBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const rounds, savers = 25, 3
		var wait sync.WaitGroup
		failures := make([]error, savers+1)
		done := make(chan struct{})
		for i := range savers {
			wait.Go(func() {
				for range rounds {
					failures[i] = errors.Join(failures[i], w.saveAndLook("contested"))
				}
			})
		}
		cleaner := make(chan struct{})
		go func() {
			defer close(cleaner)
			key := artifact.Key(sha256Hex("contested"))
			for {
				select {
				case <-done:
					return
				default:
				}
				err := w.InTx(w.t.Context(), func(tx *db.Tx) error {
					// Rows that nobody holds, as the clean-up does it.
					query := "SELECT id FROM core_artifacts"
					if tx.Dialect() == db.Postgres {
						query += " FOR UPDATE SKIP LOCKED"
					}
					var ids []string
					if err := tx.Raw(query).Scan(&ids).Error; err != nil || len(ids) == 0 {
						return err
					}
					return tx.Exec("DELETE FROM core_artifacts WHERE id IN ?", ids).Error
				})
				if err == nil {
					_, err = w.RemoveUnreferenced(w.t.Context(), w.DB, []string{key}, time.Now())
				}
				failures[savers] = errors.Join(failures[savers], err)
			}
		}()
		wait.Wait()
		close(done)
		<-cleaner
		must(t, errors.Join(failures...))
	})
}

// saveAndLook saves a text and then, with the row held, reads it.
func (w *world) saveAndLook(text string) error {
	ctx := w.t.Context()
	file, err := w.Receive(ctx, strings.NewReader(text))
	if err != nil {
		return err
	}
	err = w.InTx(ctx, func(tx *db.Tx) error {
		a, _, err := file.Save(ctx, tx, ident.DefaultDomain)
		if err != nil {
			return err
		}
		// Refers to it for a moment: the row that Save gives is there until the end of the transaction.
		c := &model.Content{Base: model.NewBase(ident.DefaultDomain), PulpType: "test.test", TimestampOfInterest: model.Now(), FirstSeenAt: model.Now()}
		return errors.Join(tx.Create(c).Error, tx.Create(&model.ContentArtifact{ContentID: c.ID, RelativePath: "a", ArtifactID: &a.ID}).Error, tx.Delete(c).Error)
	})
	if err != nil {
		return errors.Join(err, file.Cancel())
	}
	err = w.InTx(ctx, func(tx *db.Tx) error {
		a, err := w.Find(ctx, tx, ident.DefaultDomain, sha256Hex(text))
		if err != nil || a == nil {
			return err
		}
		state, err := w.Check(ctx, a, true)
		if err == nil && state != artifact.Sound {
			err = fmt.Errorf("the bytes of a row are %s", state)
		}
		return err
	})
	return errors.Join(err, file.Cancel())
}

func TestCheckTellsWhatIsWrong(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		a := w.saved("whole")
		for _, c := range []struct {
			bytes, verified, glanced string
		}{{"whole", "sound", "sound"}, {"wrong", "corrupted", "sound"}, {"longer than that", "corrupted", "sound"}, {"", "missing", "missing"}} {
			must(t, w.Storage.Delete(t.Context(), a.File))
			if c.bytes != "" {
				_, err := storage.Put(t.Context(), w.Storage, a.File, strings.NewReader(c.bytes))
				must(t, err)
			}
			for verify, want := range map[bool]string{true: c.verified, false: c.glanced} {
				if state, err := w.Check(t.Context(), a, verify); err != nil || string(state) != want {
					t.Errorf("%q is %s (verify: %t), %v; want %s", c.bytes, state, verify, err, want)
				}
			}
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := storage.Put(t.Context(), w.Storage, a.File, strings.NewReader("whole"))
		must(t, err)
		if _, err := w.Check(canceled, a, true); err == nil {
			t.Error("a check that was canceled tells")
		}
	})
}

func TestReplaceTakesOnlyTheSameBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		a := w.saved("right")
		must(t, w.Storage.Delete(t.Context(), a.File))
		for text, want := range map[string]bool{"wrong": false, "right": true} {
			file, err := w.Receive(t.Context(), strings.NewReader(text))
			must(t, err)
			if err := file.Replace(t.Context(), a); (err == nil) != want {
				t.Errorf("%s: %v", text, err)
			}
			must(t, file.Cancel())
		}
		if state, err := w.Check(t.Context(), a, true); err != nil || state != artifact.Sound {
			t.Errorf("%s, %v", state, err)
		}
	})
}

// What was placed and cleared away before its row could be written is told, and gets no row.
func TestPlacedBytesThatWentGetNoRow(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		stays, goes := w.receive(strings.NewReader("stays")), w.receive(strings.NewReader("goes"))
		must(t, errors.Join(stays.Place(t.Context()), goes.Place(t.Context())))
		_, err := w.RemoveUnreferenced(t.Context(), w.DB, []string{artifact.Key(sha256Hex("goes"))}, time.Now())
		must(t, err)
		save := func(files ...*artifact.Received) (found map[string]string, err error) {
			err = w.InTx(t.Context(), func(tx *db.Tx) (err error) {
				if found, err = w.SaveAll(tx, ident.DefaultDomain, files); err != nil || w.Dialect() == db.SQLite {
					return err // there is one writer at a time: nobody could remove anything now
				}
				n, err := w.RemoveUnreferenced(t.Context(), w.DB, []string{artifact.Key(sha256Hex("stays"))}, time.Now())
				if n > 0 {
					t.Error("removed before the row was committed")
				}
				return err
			})
			return found, err
		}
		if _, err := save(stays, goes); !errs.Is(err, errs.Unavailable) {
			t.Errorf("saved with bytes missing: %v", err)
		}
		if found, err := save(stays); err != nil || found[sha256Hex("stays")] == "" {
			t.Errorf("%v, %v", found, err)
		}
	})
}
