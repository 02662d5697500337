package serve

import (
	"fmt"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// TestSwapIsAtomic publishes and deletes as fast as it can while readers look up a path that every publication has and
// a listing whose names all belong to one publication.
func TestSwapIsAtomic(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const swaps = 60
		repo := w.repository("a", 1)
		var publications []*model.Publication
		for i := range swaps {
			files := map[string]string{"f": fmt.Sprint(i)}
			for k := range 40 {
				files[fmt.Sprintf("d%d/%d", k, i)] = fmt.Sprint(i)
			}
			publications = append(publications, repo.publish(1, false, files))
		}
		d := w.distribute(fileType, "d", func(d *model.Distribution) { d.PublicationID = &publications[0].ID })
		r := New(Options{DB: w.db, Kinds: kinds})
		done := make(chan struct{})
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					read(t, r)
				}
			})
		}
		for i := 1; i < swaps; i++ {
			w.change(func(tx *db.Tx) error {
				// Not by way of d: gorm would write through its pointer into the identity of another publication.
				if err := tx.Table("core_distributions").Where("id = ?", d.ID).Update("publication_id", publications[i].ID).Error; err != nil {
					return err
				}
				return tx.Delete(publications[i-1]).Error
			})
		}
		close(done)
		readers.Wait()
	})
}

func read(t *testing.T, r *Resolver) {
	for _, path := range []string{"d/f", "d/"} {
		result, err := r.Resolve(t.Context(), ident.DefaultDomain, path, nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if result.Listing != nil && len(result.Listing.Entries) != 41 {
			t.Errorf("a listing has %d names, every publication has 41", len(result.Listing.Entries))
		}
	}
}
