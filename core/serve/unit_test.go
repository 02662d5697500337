package serve

import (
	"testing"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// TestWhoseFileItIs: what is found of a unit of content names the unit, wherever its path comes from, and metadata names none.
func TestWhoseFileItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 1)
		keyed, missing := repo.unit("keyed", "k", 1, 0), repo.unit("missing", "", 1, 0)
		loose := repo.offer(looseUnit, "loose", 1, 0, map[string]string{"loose": "l"})
		p := repo.publish(1, true, map[string]string{"PULP_MANIFEST": "m"})
		path := "keyed"
		w.put(&model.PublishedArtifact{PublicationID: p.ID, RelativePath: "pool/keyed", ContentID: &keyed.ID, ContentPath: &path, AddedAt: addedAt})
		w.distribute(fileType, "published", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		w.distribute(rawType, "raw", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		w.distribute(looseType, "loose", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		r := New(Options{DB: w.db, Kinds: kinds})
		for path, want := range map[string]string{
			"published/keyed": keyed.ID, "published/pool/keyed": keyed.ID, "published/missing": missing.ID, "published/PULP_MANIFEST": "",
			"raw/keyed": keyed.ID, "loose/loose": loose.ID,
		} {
			result, err := r.Resolve(t.Context(), ident.DefaultDomain, path, nil)
			if err != nil || result.Found == nil || result.Found.ContentID != want {
				t.Errorf("%s: %+v, %v; want the unit %q", path, result.Found, err, want)
			}
		}
	})
}
