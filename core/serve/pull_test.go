package serve

import (
	"context"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// puller is a resolver of a world for a kind that pulls through, with a remote.
type puller struct {
	*world
	remote *model.Remote
	grace  time.Duration
}

const pullType = "pull.pull"

func newPuller(w *world) *puller {
	p := &puller{world: w, remote: &model.Remote{Base: model.NewBase(ident.DefaultDomain), PulpType: "file.file", Name: "up", URL: "https://up.example/pool/", Policy: model.OnDemand, Headers: model.JSON("[]")}}
	w.put(p.remote)
	return p
}

func (p *puller) distribution(base string, set func(d *model.Distribution)) *model.Distribution {
	return p.distribute(pullType, base, func(d *model.Distribution) {
		d.RemoteID = &p.remote.ID
		if set != nil {
			set(d)
		}
	})
}

// row puts down what is known of a path; with text "" that there is nothing.
func (p *puller) row(d *model.Distribution, path, text string, age time.Duration, set func(row *model.Pull)) *model.Content {
	p.t.Helper()
	at := model.Now().Add(-age)
	row := &model.Pull{DistributionID: d.ID, Path: path, RemoteID: p.remote.ID, URL: p.remote.URL + path, CheckedAt: at}
	var c *model.Content
	if text != "" {
		c = &model.Content{Base: model.NewBase(ident.DefaultDomain), PulpType: keyedUnit, TimestampOfInterest: at, FirstSeenAt: at}
		p.put(c, &model.ContentArtifact{ContentID: c.ID, RelativePath: path, ArtifactID: &p.artifact(text).ID})
		row.ContentID, row.ContentPath, row.PulledAt = &c.ID, &path, &at
	}
	if set != nil {
		set(row)
	}
	p.put(row)
	return c
}

func (p *puller) resolver() *Resolver {
	unit := func(path string) MakeUnit {
		if path == "passed" {
			return nil
		}
		return func(context.Context, *db.Tx, string, *model.Artifact) (string, string, error) { return "", "", nil }
	}
	return New(Options{DB: p.db, Grace: p.grace, Pull: PullTimes{Fresh: time.Hour, Missing: time.Minute}, Kinds: []Kind{
		{PulpType: pullType, ServesPublications: true, PathKeyed: keyedUnit, PullThrough: &PullThrough{Unit: unit}},
		{PulpType: fileType, ServesPublications: true, PathKeyed: keyedUnit},
	}})
}

// told is the outcome of a look-up in short.
func (p *puller) told(path string) string {
	p.t.Helper()
	result, err := p.resolver().Resolve(p.t.Context(), ident.DefaultDomain, path, nil)
	switch {
	case errs.Is(err, errs.NotFound):
		return "nothing"
	case err != nil:
		p.t.Fatal(err)
	case result.Pull != nil && result.Pull.Kept != nil:
		return "pull with " + p.text(result.Pull.Kept)
	case result.Pull != nil && result.Pull.Unit == nil:
		return "pass on " + result.Pull.URL
	case result.Pull != nil:
		return "pull " + result.Pull.URL
	case result.Found != nil:
		return p.text(result.Found)
	case result.AddSlash:
		return "add slash"
	}
	return "listing"
}

func (p *puller) text(found *Found) string {
	p.t.Helper()
	for _, text := range []string{"old", "new", "published", "uploaded"} {
		if p.artifact(text).SHA256 == found.Artifact.SHA256 {
			return text
		}
	}
	return "something else"
}

// TestPullLookUp: what wins under a path of a distribution that has a remote.
func TestPullLookUp(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := newPuller(w)
		empty := p.repository("empty", 0)
		r := p.repository("r", 3)
		r.unit("stays", "published", 1, 0)
		r.unit("pulled-then-replaced", "uploaded", 1, 0)
		r.unit("folder/file", "published", 1, 0)
		r.unit("member-new", "published", 1, 3)
		r.publish(2, true, map[string]string{"PULP_MANIFEST": "published"})
		p.distribution("empty", func(d *model.Distribution) { d.RepositoryID = &empty.ID })
		cache := p.distribution("cache", nil)
		d := p.distribution("d", func(d *model.Distribution) { d.RepositoryID = &r.ID })
		fixed := p.distribution("fixed", func(d *model.Distribution) { d.RepositoryVersionID = &r.versions[2].ID })
		p.distribute(pullType, "plain", func(d *model.Distribution) { d.RepositoryID = &r.ID })
		p.distribute(fileType, "other", func(d *model.Distribution) { d.RepositoryID, d.RemoteID = &r.ID, &p.remote.ID })
		waiting := func(row *model.Pull) { row.Waiting = true }

		p.row(cache, "fresh", "old", time.Minute, nil)
		p.row(cache, "stale", "old", 2*time.Hour, nil)
		p.row(cache, "missing", "", time.Second, nil)
		p.row(cache, "ahead", "old", -2*time.Minute, nil)
		p.row(cache, "missing-ahead", "", -2*time.Minute, nil)
		p.row(cache, "hardly-ahead", "old", -30*time.Second, nil)
		p.row(cache, "was-missing", "", 2*time.Minute, nil)
		p.row(cache, "moved", "old", time.Minute, func(row *model.Pull) { row.URL = "https://up.example/before/moved" })
		p.row(cache, "passed", "old", time.Minute, nil)
		p.row(d, "stays", "", time.Second, nil)
		p.row(d, "waiting", "new", time.Minute, waiting)
		p.row(d, "pulled-then-replaced", "old", time.Minute, nil)
		p.row(d, "taken-out", "old", time.Minute, nil)
		p.row(d, "refused", "old", time.Minute, func(row *model.Pull) { row.Refused = true })
		p.row(fixed, "stays", "new", time.Minute, nil)
		member := p.row(d, "member-new", "new", time.Minute, nil)
		w.put(&model.Membership{RepositoryID: r.ID, ContentID: member.ID, VersionAdded: 3, PulpType: keyedUnit, RepoKey: "member-new", AddedAt: addedAt})
		reclaimed := p.row(cache, "reclaimed", "old", time.Minute, nil)
		w.change(func(tx *db.Tx) error {
			return tx.Model(&model.ContentArtifact{}).Where("content_id = ?", reclaimed.ID).Update("artifact_id", nil).Error
		})

		again := p.row(d, "folder/reclaimed", "old", time.Minute, nil)
		w.put(&model.Membership{RepositoryID: r.ID, ContentID: again.ID, VersionAdded: 1, PulpType: keyedUnit, RepoKey: "folder/reclaimed", AddedAt: addedAt})
		w.change(func(tx *db.Tx) error {
			return tx.Model(&model.ContentArtifact{}).Where("content_id = ?", again.ID).Update("artifact_id", nil).Error
		})

		for path, want := range map[string]string{
			"empty/x":                "pull https://up.example/pool/x",
			"empty/a/b":              "pull https://up.example/pool/a/b",
			"empty/":                 "nothing",
			"empty/a/":               "nothing",
			"empty/%2e%2e/x":         "nothing",
			"empty/passed":           "pass on https://up.example/pool/passed",
			"cache/fresh":            "old",
			"cache/stale":            "pull with old",
			"cache/missing":          "nothing",
			"cache/ahead":            "pull with old",
			"cache/missing-ahead":    "pull https://up.example/pool/missing-ahead",
			"cache/hardly-ahead":     "old",
			"cache/was-missing":      "pull https://up.example/pool/was-missing",
			"cache/moved":            "pull https://up.example/pool/moved",
			"cache/passed":           "pass on https://up.example/pool/passed",
			"cache/reclaimed":        "pull https://up.example/pool/reclaimed",
			"d/stays":                "published",
			"d/PULP_MANIFEST":        "published",
			"d/folder":               "add slash",
			"d/":                     "listing",
			"d/waiting":              "new",
			"d/member-new":           "new", // published is version 2, with another one
			"d/pulled-then-replaced": "uploaded",
			"d/taken-out":            "pull https://up.example/pool/taken-out",
			"d/refused":              "old",
			"d/folder/reclaimed":     "pull https://up.example/pool/folder/reclaimed",
			"d/unknown":              "pull https://up.example/pool/unknown",
			"fixed/stays":            "published",
			"fixed/unknown":          "pull https://up.example/pool/unknown",
			"plain/unknown":          "nothing",
			"other/unknown":          "nothing",
		} {
			if got := p.told(path); got != want {
				t.Errorf("%s: %s, not %s", path, got, want)
			}
		}
		w.change(func(tx *db.Tx) error { return tx.Delete(p.remote).Error })
		if got := p.told("empty/x"); got != "nothing" {
			t.Errorf("without the remote: %s", got)
		}
	})
}

// TestPullsAreGuarded: who may not download has nothing asked for.
func TestPullsAreGuarded(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := newPuller(w)
		nobody := ident.New()
		p.distribution("d", func(d *model.Distribution) { d.ContentGuardID = &nobody })
		if result, err := p.resolver().Resolve(t.Context(), ident.DefaultDomain, "d/x", nil); !errs.Is(err, errs.Forbidden) || result.Pull != nil {
			t.Errorf("%+v %v", result, err)
		}
	})
}

// TestPullsAreNotRemembered: a path that an upstream may have is looked up each time, for it changes by itself; other paths
// of the distribution are remembered as ever.
func TestPullsAreNotRemembered(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := newPuller(w)
		r := p.repository("r", 1)
		r.unit("a/b", "published", 1, 0)
		r.publish(1, true, nil)
		d := p.distribution("d", func(d *model.Distribution) { d.RepositoryID = &r.ID })
		m := NewMemory(p.resolver(), 1<<20, w.db.Commits)
		ask := func(path string) (Result, error) { return m.Resolve(t.Context(), ident.DefaultDomain, path, nil) }
		if result, err := ask("d/new"); err != nil || result.Pull == nil {
			t.Fatalf("%+v %v", result, err)
		}
		p.row(d, "new", "new", time.Minute, nil)
		w.change(func(tx *db.Tx) error {
			return tx.Model(&model.Pull{}).Where("path = ?", "new").Update("waiting", true).Error
		})
		if result, err := ask("d/new"); err != nil || result.Found == nil || result.Slot != nil {
			t.Errorf("%+v %v", result, err)
		}
		if result, err := ask("d/a/"); err != nil || result.Slot == nil {
			t.Errorf("a listing is not remembered: %v", err)
		}
	})
}
