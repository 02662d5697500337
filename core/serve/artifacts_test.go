package serve

import (
	"context"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// TestArtifactsByTheirIdentity: with a guard that lets the request through, in the domain of the distribution, under the one
// way to write an identity, and not from memory.
func TestArtifactsByTheirIdentity(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const artifactType = "core.artifact"
		a := w.artifact("bytes")
		other := &model.Domain{ID: ident.New(), Name: "other", StorageClass: "x", PulpCreated: addedAt, PulpLastUpdated: addedAt}
		foreign := &model.Artifact{Base: model.NewBase(other.ID), File: "artifact/f", Size: 1, SHA256: strings.Repeat("ab", 32), TimestampOfInterest: addedAt}
		w.put(other, foreign)
		for name, guard := range map[string]*string{"guarded": w.guard(namedGuard, "open"), "shut": w.guard(namedGuard, "shut"), "free": nil} {
			w.distribute(artifactType, name, func(d *model.Distribution) { d.ContentGuardID, d.Hidden = guard, true })
		}
		gated := 0
		m, _ := memory(New(Options{DB: w.db, Kinds: []Kind{{PulpType: artifactType, Artifacts: true}}, Guards: guardKinds(nil), Gate: func(context.Context, *model.Distribution, *Found) error {
			gated++
			return nil
		}}))
		for path, want := range map[string]errs.Kind{
			"guarded/" + a.ID: "", "shut/" + a.ID: errs.Forbidden, "free/" + a.ID: errs.Forbidden, "guarded/" + strings.ToUpper(a.ID): errs.NotFound,
			"guarded/" + foreign.ID: errs.NotFound, "guarded/" + ident.New(): errs.NotFound, "guarded/x": errs.NotFound, "guarded/": errs.NotFound, "guarded/" + a.ID + "/": errs.NotFound,
		} {
			for range 2 {
				result, err := m.Resolve(t.Context(), ident.DefaultDomain, path, visitor())
				if errs.KindOf(err) != want && (err != nil || want != "") {
					t.Errorf("%s: %v", path, err)
				}
				if want == "" && (result.Found == nil || result.Found.Artifact.SHA256 != a.SHA256 || result.Slot != nil || !result.Guarded()) {
					t.Errorf("%s: %+v", path, result)
				}
			}
		}
		if gated != 2 {
			t.Errorf("the gate was asked %d times", gated)
		}
		if listed, err := m.Resolve(t.Context(), ident.DefaultDomain, "", nil); err != nil || len(listed.Listing.Entries) != 0 {
			t.Errorf("the list of distributions: %+v, %v", listed.Listing, err)
		}
	})
}
