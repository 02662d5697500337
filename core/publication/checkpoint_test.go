package publication_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/publication"
	"github.com/packhouse/packhouse/core/task"
)

// checkpointed publishes a version as a checkpoint or not.
func (w *world) checkpointed(v *model.RepositoryVersion, checkpoint bool) error {
	_, err := publication.Make(w.t.Context(), w.run, w.store, publication.Spec{Type: "test.test", Model: "test.testpublication", Path: "publications/test/test", Version: v, Checkpoint: checkpoint},
		func(*publication.Draft) error { return nil })
	return err
}

// checkpoints are the publications with the flag, by their place in the order of creation.
func (w *world) checkpoints() string {
	w.t.Helper()
	var all []model.Publication
	must(w.t, w.Read(w.t.Context()).Order("id").Find(&all).Error)
	var places []int
	for i, p := range all {
		if p.Checkpoint {
			places = append(places, i)
		}
	}
	return fmt.Sprint(places)
}

func (w *world) keepCheckpoints(n *int64) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) error {
		if err := tx.Model(&model.Repository{}).Where("id = ?", w.repo.ID).Update("retain_checkpoints", n).Error; err != nil {
			return err
		}
		return publication.RetainCheckpoints(tx, w.repo.ID, n)
	})
}

func TestTheNewestCheckpointsKeepTheFlag(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		v := w.version(1)
		for range 4 {
			must(t, w.checkpointed(v, true))
		}
		must(t, w.checkpointed(v, false))
		expect := func(what, want string) {
			t.Helper()
			if got := w.checkpoints(); got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		expect("no limit", "[0 1 2 3]")
		three, two, one := int64(3), int64(2), int64(1)
		w.keepCheckpoints(&three)
		expect("lowered to 3", "[1 2 3]")
		must(t, w.checkpointed(v, true))
		expect("one more", "[2 3 5]")
		must(t, w.checkpointed(v, false))
		expect("one that is none", "[2 3 5]")
		w.keepCheckpoints(&two)
		w.keepCheckpoints(nil)
		expect("raised again", "[3 5]")
		w.keepCheckpoints(&one)
		expect("lowered to 1", "[5]")
		if n := w.count("core_publications"); n != 7 {
			t.Errorf("%d publications are left", n)
		}
	})
}

// another is another task that runs.
func (w *world) another() *task.Run {
	w.t.Helper()
	worker, now := "worker", model.Now()
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.publish", State: task.Running, Args: []byte("{}"), Worker: &worker, PulpCreated: now, PulpLastUpdated: now}
	w.tx(func(tx *db.Tx) error { return tx.Create(row).Error })
	return task.NewRun(task.Setup{DB: w.DB, Row: row, Folder: w.t.TempDir()})
}

func TestCheckpointsMadeAtOnceAreCountedTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		v, keep := w.version(1), int64(1)
		w.keepCheckpoints(&keep)
		var wait sync.WaitGroup
		failures := make([]error, 4)
		for i := range failures {
			own := *w
			own.run = w.another()
			wait.Go(func() { failures[i] = own.checkpointed(v, true) })
		}
		wait.Wait()
		must(t, errors.Join(failures...))
		if n := w.count("core_publications WHERE checkpoint"); n != 1 {
			t.Errorf("%d checkpoints", n)
		}
	})
}
