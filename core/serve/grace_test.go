package serve

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm/logger"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// supersede notes that a distribution ceased to serve a publication some time ago.
func (w *world) supersede(d *model.Distribution, p *model.Publication, ago time.Duration) {
	w.t.Helper()
	w.change(func(tx *db.Tx) error {
		return tx.Exec("INSERT INTO core_superseded (distribution_id, publication_id, superseded_at) VALUES (?, ?, ?)", d.ID, p.ID, model.Now().Add(-ago)).Error
	})
}

func graceful(w Reader, kinds ...Kind) *Resolver {
	return New(Options{DB: w, Kinds: kinds, Grace: 3 * time.Hour, Guards: guardKinds(nil)})
}

// TestTheGraceOfSupersededPublications: what was there a while ago is still found, the newest of it, and nothing else.
func TestTheGraceOfSupersededPublications(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for _, kind := range []string{fileType, looseType} {
			repo := w.repository("r"+kind, 9)
			repo.unit("again", "again 1", 1, 2)
			repo.unit("again", "again 2", 3, 4)
			repo.unit("dir/gone", "gone", 1, 9)
			repo.unit("stays", "old", 1, 3)
			repo.unit("stays", "new", 9, 0)
			repo.unit("ancient", "ancient", 1, 2)
			lazy := repo.unit("lazy", "", 3, 9)
			d := w.distribute(kind, "d"+kind, func(d *model.Distribution) { d.RepositoryID = &repo.ID })
			first := repo.publish(1, true, map[string]string{"meta": "meta 1", "first": "1"})
			third := repo.publish(3, true, map[string]string{"meta": "meta 3"})
			bare := repo.publish(4, false, map[string]string{"bare": "bare"})
			repo.publish(9, true, map[string]string{"index": "i"})
			w.supersede(d, first, 2*time.Hour)
			w.supersede(d, third, time.Hour)
			w.supersede(d, bare, time.Minute)
			w.supersede(d, repo.publish(0, true, map[string]string{"expired": "x"}), 4*time.Hour)
			w.supersede(d, repo.publish(0, true, map[string]string{"future": "x"}), -time.Hour)
			shut := repo.publish(0, true, map[string]string{"shut": "x"})
			w.supersede(d, shut, time.Minute)
			w.change(func(tx *db.Tx) error {
				return tx.Exec("UPDATE core_superseded SET barred = TRUE WHERE publication_id = ?", shut.ID).Error
			})
			repo.publish(2, true, map[string]string{"never": "served here"})
			r := graceful(w.db, kinds...)
			for path, want := range map[string]string{
				"stays": "new", "again": "again 2", "dir/gone": "gone", "meta": "meta 3", "first": "1", "bare": "bare", "ancient": "ancient",
				"expired": "", "future": "", "shut": "", "never": "", "dir": "", "dir/": "", "none": "", "lazy": "missing", "dir/gone/x": "",
			} {
				result, err := r.Resolve(t.Context(), ident.DefaultDomain, d.BasePath+"/"+path, nil)
				if want == "" {
					if !errs.Is(err, errs.NotFound) {
						t.Errorf("%s: %s is %+v, %v", kind, path, result, err)
					}
					continue
				}
				if err != nil || result.Distribution == nil || result.Found == nil {
					t.Errorf("%s: %s: %v", kind, path, err)
				} else if want == "missing" {
					if result.Found.Missing == nil || result.Found.Missing.ContentID != lazy.ID {
						t.Errorf("%s: %s is %+v", kind, path, result.Found)
					}
				} else if got := result.Found.Artifact.SHA256; got != w.artifact(want).SHA256 || result.Found.Path != path {
					t.Errorf("%s: %s is not %q", kind, path, want)
				}
			}
			listed, err := r.Resolve(t.Context(), ident.DefaultDomain, d.BasePath+"/", nil)
			if got := said(listed, err); got != "list index stays" {
				t.Errorf("%s: %s", kind, got)
			}
			if got := kindOf(New(Options{DB: w.db, Kinds: kinds}).Resolve(t.Context(), ident.DefaultDomain, d.BasePath+"/meta", nil)); got != errs.NotFound {
				t.Errorf("without a period: %q", got)
			}
			w.change(func(tx *db.Tx) error { return tx.Delete(&model.Publication{}, "id = ?", third.ID).Error })
			result, err := r.Resolve(t.Context(), ident.DefaultDomain, d.BasePath+"/meta", nil)
			if err != nil || result.Found.Artifact.SHA256 != w.artifact("meta 1").SHA256 {
				t.Errorf("%s: after one was deleted: %v", kind, err)
			}
		}
	})
}

// TestWhereThereIsNoGrace: where nothing is served, where versions are served as they are, among checkpoints, and behind
// a guard that says no.
func TestWhereThereIsNoGrace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo, empty := w.repository("r", 2), w.repository("empty", 0)
		repo.unit("f", "f", 1, 2)
		first := repo.publish(1, true, nil)
		repo.publish(2, true, map[string]string{"other": "o"})
		r := graceful(w.db, kinds...)
		for name, set := range map[string]func(d *model.Distribution){
			"yes":        func(d *model.Distribution) { d.RepositoryID = &repo.ID },
			"nothing":    func(d *model.Distribution) {},
			"empty":      func(d *model.Distribution) { d.RepositoryID = &empty.ID },
			"raw":        func(d *model.Distribution) { d.RepositoryID, d.PulpType = &repo.ID, rawType },
			"checkpoint": func(d *model.Distribution) { d.RepositoryID, d.Checkpoint = &repo.ID, true },
			"shut":       func(d *model.Distribution) { d.RepositoryID, d.ContentGuardID = &repo.ID, w.guard(namedGuard, "shut") },
		} {
			d := w.distribute(fileType, name, set)
			w.supersede(d, first, time.Minute)
			got := kindOf(r.Resolve(t.Context(), ident.DefaultDomain, name+"/f", visitor()))
			want := map[string]errs.Kind{"yes": "", "shut": errs.Forbidden}
			if kind, known := want[name]; known && got != kind || !known && got != errs.NotFound {
				t.Errorf("%s: %q", name, got)
			}
		}
	})
}

// TestGraceIsNotRemembered: it ends with its time. What is found elsewhere costs no more for it, what is not one statement.
func TestGraceIsNotRemembered(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("r", 2)
		repo.unit("f", "f", 1, 2)
		repo.unit("g", "g", 1, 0)
		d := w.distribute(fileType, "d", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		w.supersede(d, repo.publish(1, true, nil), time.Minute)
		repo.publish(2, true, nil)
		rec := &recorder{DB: w.db, Interface: logger.Discard}
		r := graceful(rec, kinds...)
		b, clock := newBoard(), &dial{at: addedAt}
		m := b.process(r, clock, 1<<20)
		for range 3 {
			result, err := m.Resolve(t.Context(), ident.DefaultDomain, "d/f", nil)
			if err != nil || result.Slot != nil || result.Remembered {
				t.Fatalf("%+v, %v", result, err)
			}
		}
		if len(b.values) != 0 {
			t.Error("it is shared")
		}
		w.change(func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_superseded SET superseded_at = ?", model.Now().Add(-3*time.Hour)).Error
		})
		if got := kindOf(m.Resolve(t.Context(), ident.DefaultDomain, "d/f", nil)); got != errs.NotFound {
			t.Errorf("at its end: %q", got)
		}
		without := New(Options{DB: rec, Kinds: kinds})
		count := func(r *Resolver, path string) int {
			rec.statements = nil
			_, _ = r.Resolve(t.Context(), ident.DefaultDomain, path, nil)
			return len(rec.statements)
		}
		for path, more := range map[string]int{"d/g": 0, "d/": 0, "d/none": 1} {
			if with, plain := count(r, path), count(without, path); with != plain+more {
				t.Errorf("%s takes %d statements, %d without grace", path, with, plain)
			}
		}
	})
}

// TestTheNewestSupersededAreLookedAt: the search has an end.
func TestTheNewestSupersededAreLookedAt(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("r", 1)
		d := w.distribute(fileType, "d", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		x := w.artifact("x")
		w.change(func(tx *db.Tx) error {
			for n := range mostGraceful + 1 {
				p := &model.Publication{Base: model.NewBase(ident.DefaultDomain), PulpType: fileType, RepositoryID: repo.ID, RepositoryVersionID: repo.versions[0].ID, Complete: true}
				err := errors.Join(tx.Create(p).Error, tx.Create(&model.PublishedArtifact{PublicationID: p.ID, RelativePath: fmt.Sprint(n), ArtifactID: &x.ID, AddedAt: addedAt}).Error,
					tx.Exec("INSERT INTO core_superseded (distribution_id, publication_id, superseded_at) VALUES (?, ?, ?)", d.ID, p.ID, model.Now().Add(time.Minute*time.Duration(n-mostGraceful-1))).Error)
				if err != nil {
					return err
				}
			}
			return nil
		})
		repo.publish(1, true, map[string]string{"other": "o"})
		r := graceful(w.db, kinds...)
		for path, want := range map[string]errs.Kind{"0": errs.NotFound, "1": "", fmt.Sprint(mostGraceful): ""} {
			if got := kindOf(r.Resolve(t.Context(), ident.DefaultDomain, "d/"+path, nil)); got != want {
				t.Errorf("%s: %q", path, got)
			}
		}
	})
}

// TestAnUpstreamIsAskedBeforeGrace: what somebody took out of the repository of a pull-through distribution is asked for
// again; what the upstream cannot have is found as everywhere.
func TestAnUpstreamIsAskedBeforeGrace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := newPuller(w)
		repo := p.repository("r", 2)
		repo.unit("f", "old", 1, 2)
		repo.unit("..;/f", "old", 1, 2)
		d := p.distribution("d", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		w.supersede(d, repo.publish(1, true, map[string]string{"meta": "published"}), time.Minute)
		repo.publish(2, true, nil)
		p.grace = time.Hour
		for path, want := range map[string]string{"f": "pull https://up.example/pool/f", "meta": "pull https://up.example/pool/meta", "..;/f": "old"} {
			if got := p.told("d/" + path); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
	})
}
