package serve

import (
	"context"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// TestUsage: people are told how to use a repository where a client is pointed at, and nowhere else; asking again, when
// the answer is remembered, changes nothing.
func TestUsage(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		r := w.repository("r", 1)
		r.unit("f", "one", 1, 0)
		r.unit("dir/g", "g", 1, 0)
		r.publish(1, true, nil)
		r.checkpointed(1, time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC), nil)
		indexed := w.repository("indexed", 1)
		indexed.publish(1, true, map[string]string{"index.html": "hello"})
		bound := func(r *repo) func(*model.Distribution) {
			return func(d *model.Distribution) { d.RepositoryID = &r.ID }
		}
		w.distribute(fileType, "above/f", bound(r))
		w.distribute(fileType, "indexed", bound(indexed))
		w.distribute(rawType, "raw", bound(r))
		w.distribute(fileType, "c", func(d *model.Distribution) { d.RepositoryID = &r.ID; d.Checkpoint = true })
		told := Kind{PulpType: fileType, ServesPublications: true, PathKeyed: keyedUnit, Usage: func(string, *Listing) []Snippet { return nil }}
		resolver := New(Options{DB: w.db, Kinds: []Kind{told, kinds[1]}})
		memory := NewMemory(resolver, 1<<20, w.db.Commits)
		for path, want := range map[string]bool{
			"": false, "above/": false, "above/f/": true, "above/f/dir/": false, "above/f": false, "above/f/f": false, "indexed/": false, "raw/": false,
			"c/": false, "c/20260304T100000Z/": true, "c/20260304T100000Z/dir/": false,
		} {
			for _, finder := range []interface {
				Resolve(ctx context.Context, domain, path string, q *Request) (Result, error)
			}{resolver, memory, memory} {
				result, err := finder.Resolve(t.Context(), ident.DefaultDomain, path, nil)
				if err != nil || (result.Usage != nil) != want {
					t.Errorf("%q of %T has a usage: %v, %v", path, finder, result.Usage != nil, err)
				}
			}
		}
	})
}
