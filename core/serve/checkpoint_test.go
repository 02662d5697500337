package serve

import (
	"fmt"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// checkpointed makes a publication of a version at a moment.
func (r *repo) checkpointed(version int64, at time.Time, set func(p *model.Publication)) {
	r.w.t.Helper()
	p := &model.Publication{Base: model.NewBase(ident.DefaultDomain), PulpType: fileType, RepositoryID: r.ID, RepositoryVersionID: r.versions[version].ID, VersionNumber: version,
		Complete: true, PassThrough: true, Checkpoint: true}
	p.PulpCreated = at
	if set != nil {
		set(p)
	}
	r.w.put(p)
}

func TestCheckpoints(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		at := func(clock string) time.Time {
			moment, err := time.Parse("15:04:05.999", clock)
			if err != nil {
				t.Fatal(err)
			}
			return moment.AddDate(2026, 2, 3)
		}
		r := w.repository("r", 4)
		r.unit("f", "one", 1, 3)
		r.unit("f", "two", 3, 0)
		r.unit("dir/g", "g", 1, 0)
		r.checkpointed(1, at("10:00:00.5"), nil)
		r.checkpointed(3, at("12:00:00.1"), nil)
		r.checkpointed(2, at("12:00:00.9"), nil) // of the same second, and newer
		r.checkpointed(3, at("14:00:00"), nil)
		r.checkpointed(4, at("15:00:00"), func(p *model.Publication) { p.Checkpoint = false })
		r.checkpointed(4, at("16:00:00"), func(p *model.Publication) { p.Complete = false })
		other := w.repository("other", 1)
		other.checkpointed(1, at("09:00:00"), nil)
		w.distribute(fileType, "c", func(d *model.Distribution) { d.RepositoryID = &r.ID; d.Checkpoint = true })
		w.distribute(fileType, "none", func(d *model.Distribution) { d.RepositoryID = &w.repository("none", 0).ID; d.Checkpoint = true })
		w.distribute(fileType, "lost", func(d *model.Distribution) { d.Checkpoint = true })
		resolver := New(Options{DB: w.db, Kinds: kinds})
		const day = "20260304T"
		for path, want := range map[string]string{
			"c":                                "slash",
			"c/":                               "[20260304T100000Z/ 20260304T120000Z/ 20260304T140000Z/]",
			"c/" + day + "100000Z":             "slash",
			"c/" + day + "100000Z/":            "[dir/ f]",
			"c/" + day + "100000Z/dir":         "slash",
			"c/" + day + "100000Z/f":           "one",
			"c/" + day + "100000Z/dir/g":       "g",
			"c/" + day + "100000Z/none":        "not_found",
			"c/" + day + "120000Z/f":           "one",
			"c/" + day + "140000Z/f":           "two",
			"c/" + day + "095959Z/f":           "not_found",
			"c/" + day + "095959Z":             "not_found",
			"c/" + day + "110000Z/f":           "→ c/" + day + "100000Z/f",
			"c/" + day + "115959Z/dir/g":       "→ c/" + day + "100000Z/dir/g",
			"c/" + day + "120001Z/":            "→ c/" + day + "120000Z/",
			"c/" + day + "235959Z/f":           "→ c/" + day + "140000Z/f",
			"c/" + day + "110000Z":             "slash",
			"c/99991231T235959Z/f":             "not_found",
			"c/20260304T250000Z/f":             "not_found",
			"c/20260304T100000/f":              "not_found",
			"c/2026-03-04T10:00:00Z/f":         "not_found",
			"c/f":                              "not_found",
			"c/" + day + "100000Zx/f":          "not_found",
			"none/":                            "not_found",
			"lost/":                            "not_found",
			"none/" + day + "100000Z/dir/deep": "not_found",
		} {
			if got := leadsTo(w, resolver, path); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
	})
}

// leadsTo says in a word what a path leads to.
func leadsTo(w *world, resolver *Resolver, path string) string {
	result, err := resolver.Resolve(w.t.Context(), ident.DefaultDomain, path, nil)
	switch {
	case err != nil:
		return string(errs.KindOf(err))
	case result.AddSlash:
		return "slash"
	case result.Moved != "":
		return "→ " + result.Moved
	case result.Listing != nil:
		var names []string
		for _, e := range result.Listing.Entries {
			names = append(names, e.key())
		}
		return fmt.Sprint(names)
	}
	for _, text := range []string{"one", "two", "g"} {
		if w.artifact(text).SHA256 == result.Found.Artifact.SHA256 {
			return text
		}
	}
	return "something else"
}
