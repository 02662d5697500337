package artifact_test

import (
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/storage"
)

// another makes a domain whose storage is that of the default one.
func (w *world) another(name string) string {
	w.t.Helper()
	row := model.Domain{ID: ident.New(), Name: name, StorageClass: "x", StorageStamp: ident.New(), PulpCreated: model.Now(), PulpLastUpdated: model.Now()}
	must(w.t, w.InTx(w.t.Context(), func(tx *db.Tx) error { return tx.Create(&row).Error }))
	return row.ID
}

func (w *world) put(s *artifact.Store, domain, text string) (a *model.Artifact, err error) {
	w.t.Helper()
	file, err := s.Receive(w.t.Context(), strings.NewReader(text))
	must(w.t, err)
	defer func() { must(w.t, file.Cancel()) }()
	return a, w.InTx(w.t.Context(), func(tx *db.Tx) (err error) {
		a, _, err = file.Save(w.t.Context(), tx, domain)
		return err
	})
}

func TestDomainsShareAStorageAndNoBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.Store.Domains = &artifact.Domains{DB: w.DB, Open: func(*model.Domain) (storage.Storage, error) { return w.Storage, nil }}
		one, two := w.another("one"), w.another("two")
		stores, files := map[string]*artifact.Store{}, map[string]*model.Artifact{}
		for _, id := range []string{ident.DefaultDomain, one, two} {
			var err error
			stores[id], err = w.In(t.Context(), id)
			must(t, err)
			files[id], err = w.put(stores[id], id, "same")
			must(t, err)
		}
		if files[one].File == files[two].File || files[one].File == w.saved("same").File {
			t.Fatalf("the keys are the same: %s", files[one].File)
		}
		w.forgotten(files[one])
		all := []string{files[ident.DefaultDomain].File, files[one].File, files[two].File}
		for _, id := range []string{two, ident.DefaultDomain} {
			if n, err := stores[id].RemoveUnreferenced(t.Context(), w.DB, all, time.Now()); n != 0 || err != nil {
				t.Errorf("the domain %s removed %d (%v)", id, n, err)
			}
		}
		if n, err := stores[one].RemoveUnreferenced(t.Context(), w.DB, all, time.Now()); n != 1 || err != nil || w.stored(all[1]) || !w.stored(all[0]) || !w.stored(all[2]) {
			t.Errorf("removed %d (%v)", n, err)
		}
		if _, err := w.put(stores[one], two, "other"); !errs.Is(err, errs.Internal) {
			t.Errorf("bytes of one domain were saved in another: %v", err)
		}
		if _, err := w.In(t.Context(), ident.New()); !errs.Is(err, errs.NotFound) {
			t.Errorf("a domain that is not there has a store: %v", err)
		}
	})
}

func TestBytesOfAnEarlierStorageAreNotSaved(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		opened := 0
		w.Store.Domains = &artifact.Domains{DB: w.DB, Open: func(*model.Domain) (storage.Storage, error) { opened++; return w.Storage, nil }}
		id := w.another("moved")
		old, err := w.In(t.Context(), id)
		must(t, err)
		placed, err := old.Receive(t.Context(), strings.NewReader("placed"))
		must(t, err)
		must(t, placed.Place(t.Context()))
		u := &model.Upload{Base: model.NewBase(id), Size: 5}
		must(t, w.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(u).Error }))
		chunk, err := old.ReceiveChunk(t.Context(), w.DB, u, 0, 4, strings.NewReader("chunk"))
		must(t, err)
		must(t, w.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Model(&model.Domain{}).Where("id = ?", id).Update("storage_stamp", ident.New()).Error
		}))
		if _, err := w.put(old, id, "late"); !errs.Is(err, errs.Unavailable) {
			t.Errorf("one file: %v", err)
		}
		err = w.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := old.SaveAll(tx, id, []*artifact.Received{placed})
			return err
		})
		if !errs.Is(err, errs.Unavailable) {
			t.Errorf("many files: %v", err)
		}
		if err := chunk.Save(t.Context()); !errs.Is(err, errs.Unavailable) {
			t.Errorf("a chunk: %v", err)
		}
		must(t, chunk.Cancel())
		now, err := w.In(t.Context(), id)
		must(t, err)
		if _, err := w.put(now, id, "late"); err != nil || opened != 2 {
			t.Errorf("the new storage: %v, opened %d times", err, opened)
		}
	})
}
