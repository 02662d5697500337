package serve

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// outcome writes a resolution as one short text: what the tables below compare with.
func outcome(r *Resolver, t *testing.T, path string) string {
	t.Helper()
	result, err := r.Resolve(t.Context(), ident.DefaultDomain, path, nil)
	switch {
	case err != nil:
		return string(errs.KindOf(err))
	case result.AddSlash:
		return "slash"
	case result.Listing != nil:
		var names []string
		for _, e := range result.Listing.Entries {
			names = append(names, e.key())
		}
		return "[" + strings.Join(names, " ") + "]"
	}
	if result.Found.AddedAt.IsZero() || result.Distribution == nil {
		t.Errorf("%q: the date or the distribution is missing", path)
	}
	if m := result.Found.Missing; m != nil {
		if result.Found.Artifact != nil {
			t.Errorf("%q: it is stored and missing", path)
		}
		size := "?"
		if m.Size != nil {
			size = fmt.Sprint(*m.Size)
		}
		return fmt.Sprintf("%s→%s size %s sha256 %s", result.Found.Path, m.RelativePath, size, m.SHA256)
	}
	return result.Found.Path + "=" + result.Found.Artifact.SHA256[:8]
}

// is is the outcome for a file.
func (w *world) is(path, text string) string { return path + "=" + w.artifact(text).SHA256[:8] }

func compare(t *testing.T, r *Resolver, want map[string]string) {
	t.Helper()
	for path, outcomeWanted := range want {
		if got := outcome(r, t, path); got != outcomeWanted {
			t.Errorf("%q is %s, want %s", path, got, outcomeWanted)
		}
	}
}

func TestPublication(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 3)
		repo.unit("plain.txt", "old", 1, 2)
		repo.unit("plain.txt", "new", 2, 0)
		repo.unit("dir/deep/x", "x", 1, 0)
		repo.unit("dir/y%2f?", "y", 1, 0)
		repo.unit("dir-z", "z", 1, 0)
		repo.unit("later", "later", 3, 0)
		repo.unit("web/page", "page", 1, 0)
		repo.unit("ondemand", "", 1, 0)
		p := repo.publish(2, true, map[string]string{"PULP_MANIFEST": "manifest", "web/index.html": "index", "plain.txt.asc": "sig"})
		w.distribute(fileType, "top/files", func(d *model.Distribution) { d.PublicationID = &p.ID })
		r := New(Options{DB: w.db, Kinds: kinds})
		compare(t, r, map[string]string{
			"top/files":                "slash",
			"top/files/":               "[PULP_MANIFEST dir-z dir/ ondemand plain.txt plain.txt.asc web/]",
			"top/files/PULP_MANIFEST":  w.is("PULP_MANIFEST", "manifest"),
			"top/files/plain.txt":      w.is("plain.txt", "new"),
			"top/files/plain.txt/":     "not_found",
			"top/files/plain.txt/more": "not_found",
			"top/files/dir":            "slash",
			"top/files/dir/":           "[deep/ y%2f?]",
			"top/files/dir/y%2f?":      w.is("dir/y%2f?", "y"),
			"top/files/dir/deep/x":     w.is("dir/deep/x", "x"),
			"top/files/web":            "slash",
			"top/files/web/":           w.is("web/index.html", "index"),
			"top/files/web/page":       w.is("web/page", "page"),
			"top/files/later":          "not_found",
			"top/files/ondemand":       "ondemand→ondemand size ? sha256 ",
			"top/files/none":           "not_found",
			"top/filesx":               "not_found",
			"top":                      "slash",
			"top/":                     "[files/]",
			"":                         "[top/]",
			"to":                       "not_found",
			"to/":                      "not_found",
			"top/files/../files/later": "not_found",
		})
	})
}

func TestSource(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 3)
		old := repo.publish(1, false, map[string]string{"f": "v1"})
		repo.publish(2, false, map[string]string{"f": "v2 first"})
		repo.publish(2, false, map[string]string{"f": "v2 second"})
		repo.publish(1, false, map[string]string{"f": "v1 again"})
		draft := repo.publish(3, false, map[string]string{"f": "draft"})
		w.change(func(tx *db.Tx) error { return tx.Model(draft).Update("complete", false).Error })
		empty := w.repository("empty", 0)
		bare := w.repository("bare", 2)
		bare.unit("f", "raw v1", 1, 2)
		bare.unit("f", "raw v2", 2, 0)
		bare.unit("site/index.html", "site", 1, 0)
		bare.publish(1, false, map[string]string{"f": "not for raw kinds"})

		set := func(kind, base string, f func(d *model.Distribution)) { w.distribute(kind, base, f) }
		set(fileType, "publication", func(d *model.Distribution) { d.PublicationID = &old.ID; d.RepositoryID = &repo.ID })
		set(fileType, "draft", func(d *model.Distribution) { d.PublicationID = &draft.ID })
		set(fileType, "version", func(d *model.Distribution) { d.RepositoryVersionID = &repo.versions[1].ID })
		set(fileType, "version3", func(d *model.Distribution) { d.RepositoryVersionID = &repo.versions[3].ID })
		set(fileType, "repository", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		set(fileType, "unpublished", func(d *model.Distribution) { d.RepositoryID = &empty.ID })
		set(fileType, "nothing", nil)
		set(rawType, "raw", func(d *model.Distribution) { d.RepositoryID = &bare.ID })
		set(rawType, "raw1", func(d *model.Distribution) { d.RepositoryVersionID = &bare.versions[1].ID })
		set(fileType, "guarded", func(d *model.Distribution) { d.PublicationID = &old.ID; id := ident.New(); d.ContentGuardID = &id })
		set(fileType, "checkpoint", func(d *model.Distribution) { d.RepositoryID = &repo.ID; d.Checkpoint = true })
		set(unknownType, "unknown", func(d *model.Distribution) { d.PublicationID = &old.ID })
		compare(t, New(Options{DB: w.db, Kinds: kinds}), map[string]string{
			"publication/f":         w.is("f", "v1"),
			"draft/f":               "not_found",
			"version/f":             w.is("f", "v1 again"),
			"version3/f":            "not_found",
			"repository/f":          w.is("f", "v2 second"),
			"unpublished/f":         "not_found",
			"unpublished":           "slash",
			"unpublished/":          "not_found",
			"nothing/f":             "not_found",
			"raw/f":                 w.is("f", "raw v2"),
			"raw/":                  "[f site/]",
			"raw/site":              w.is("site/index.html", "site"),
			"raw1/f":                w.is("f", "raw v1"),
			"guarded":               "forbidden",
			"guarded/":              "forbidden",
			"guarded/f":             "forbidden",
			"guarded/nothing/there": "forbidden",
			"checkpoint/f":          "not_found",
			"unknown/f":             "unavailable",
		})
	})
}

func TestLooseUnits(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 2)
		repo.offer(looseUnit, "", 1, 0, map[string]string{"one/a": "a", "one/b": "b"})
		repo.offer(looseUnit, "", 1, 2, map[string]string{"gone": "gone"})
		repo.offer(looseUnit, "", 1, 0, map[string]string{"twice": "1"})
		repo.offer(looseUnit, "", 1, 0, map[string]string{"twice": "2"})
		other := w.repository("b", 1)
		other.offer(looseUnit, "", 1, 0, map[string]string{"one/c": "c", "foreign": "f"})
		repo.publish(2, true, nil)
		w.distribute(looseType, "d", func(d *model.Distribution) { d.RepositoryID = &repo.ID })
		compare(t, New(Options{DB: w.db, Kinds: kinds}), map[string]string{
			"d/":        "[one/ twice]",
			"d/one":     "slash",
			"d/one/":    "[a b]",
			"d/one/b":   w.is("one/b", "b"),
			"d/one/c":   "not_found",
			"d/foreign": "not_found",
			"d/gone":    "not_found",
			"d/twice":   "internal",
		})
	})
}

func TestAboveDistributions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		guard := ident.New()
		for _, base := range []string{"a/b/c", "a/b/d", "a/x", "a-b", "z"} {
			w.distribute(fileType, base, nil)
		}
		w.distribute(fileType, "hidden/one", func(d *model.Distribution) { d.Hidden = true })
		w.distribute(fileType, "a/secret", func(d *model.Distribution) { d.ContentGuardID = &guard })
		compare(t, New(Options{DB: w.db, Kinds: kinds}), map[string]string{
			"": "[a-b/ a/ z/]", "a": "slash", "a/": "[b/ secret/ x/]", "a/b/": "[c/ d/]", "hidden": "not_found", "hidden/": "not_found",
		})
		compare(t, New(Options{DB: w.db, Kinds: kinds, HideGuarded: true}), map[string]string{"a/": "[b/ x/]"})
	})
}

func TestFinderAndGate(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 1)
		p := repo.publish(1, false, map[string]string{"stored": "stored", "both": "stored", "blocked": "stored"})
		w.distribute(finderType, "live", func(d *model.Distribution) { d.PublicationID = &p.ID })
		live := w.artifact("live")
		finder := func(_ context.Context, d *model.Distribution, path string) (*Found, error) {
			switch path {
			case "both", "only":
				return &Found{Artifact: live, Path: path, AddedAt: addedAt}, nil
			case "sick":
				return nil, errs.New(errs.Unavailable, "the upstream is away, try again")
			}
			return nil, errs.New(errs.NotFound, "not mine")
		}
		gate := func(_ context.Context, d *model.Distribution, f *Found) error {
			if f.Path == "blocked" || f.Path == "only" {
				return errs.New(errs.Forbidden, "%s of %s is too young", f.Path, d.Name)
			}
			return nil
		}
		compare(t, New(Options{DB: w.db, Gate: gate, Kinds: []Kind{{PulpType: finderType, ServesPublications: true, Finder: finder}}}), map[string]string{
			"live/both":    w.is("both", "live"),
			"live/stored":  w.is("stored", "stored"),
			"live/blocked": "forbidden",
			"live/only":    "forbidden",
			"live/sick":    "unavailable",
			"live/none":    "not_found",
			"live":         "slash",
			"live/":        "[blocked both stored]",
		})
	})
}

func TestDatabaseThatDoesNotAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithDeadline(t.Context(), addedAt) // long ago
		defer cancel()
		_, err := New(Options{DB: w.db, Kinds: kinds}).Resolve(ctx, ident.DefaultDomain, "a", nil)
		if !errs.Is(err, errs.Unavailable) {
			t.Errorf("the error is %v, want unavailable", err)
		}
	})
}

func TestWiringMistakesPanic(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"no database": {}, "twice": {DB: &db.DB{}, Kinds: append(kinds, kinds[0])}, "no type": {DB: &db.DB{}, Kinds: []Kind{{}}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("New took it")
				}
			}()
			New(o)
		})
	}
}
