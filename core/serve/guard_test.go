package serve

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// Types of guards of these tests.
const (
	namedGuard  = "test.named"  // says what its name says
	brokenGuard = "test.broken" // cannot be read
	unservedOne = "test.unserved"
)

// nameGuard decides by its name, and may change something first.
type nameGuard struct {
	Name   string
	before *func()
}

func (g nameGuard) Permit(ctx context.Context, v *Visit) error {
	if g.before != nil && *g.before != nil {
		(*g.before)()
	}
	switch g.Name {
	case "open", "open too":
		return nil
	case "sick":
		return errors.New("secret detail")
	case "asks":
		holds, err := v.Holds(ctx, "core.download_x", auth.Object{Model: "core.x", ID: "1"}, ident.DefaultDomain)
		if err != nil || holds {
			return err
		}
	}
	return errs.New(errs.Forbidden, "the guard says no")
}

func (w *world) guard(kind, name string) *string {
	w.t.Helper()
	g := &model.ContentGuard{Base: model.NewBase(ident.DefaultDomain), PulpType: kind, Name: name}
	w.put(g)
	return &g.ID
}

// guardKinds are the types; before is called whenever a guard is asked.
func guardKinds(before *func()) []GuardKind {
	return []GuardKind{
		{PulpType: namedGuard, Load: func(_ context.Context, tx *gorm.DB, id string, _ FindGuard) (Guard, error) {
			var names []string
			err := tx.Table("core_content_guards").Where("id = ?", id).Pluck("name", &names).Error
			return nameGuard{names[0], before}, err
		}},
		{PulpType: brokenGuard, Load: func(_ context.Context, _ *gorm.DB, id string, find FindGuard) (Guard, error) { return find(id) }},
	}
}

type nobodysCredentials struct{}

func (nobodysCredentials) Header(string) []string { return nil }
func (nobodysCredentials) Cookie(string) string   { return "" }
func (nobodysCredentials) Method() string         { return "GET" }
func (nobodysCredentials) Peer() netip.Addr       { return netip.Addr{} }

// holder knows the users with the permission.
type holder []string

func (h holder) Holds(_ context.Context, user *auth.User, permission string, _ auth.Object, domain string) (bool, error) {
	return slices.Contains(h, user.Username) && permission == "core.download_x" && domain == ident.DefaultDomain, nil
}

func kindOf(_ Result, err error) errs.Kind { return errs.KindOf(err) }

// TestGuardsComeFirst: whatever would be answered, who may not pass is told so and nothing else.
func TestGuardsComeFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		repo := w.repository("a", 1)
		p := repo.publish(1, false, map[string]string{"f": "f", "d/g": "g"})
		repo.checkpointed(1, addedAt, nil)
		gone := ident.New()
		foreign := &model.Domain{ID: ident.New(), Name: "foreign", StorageClass: "fs", PulpCreated: model.Now(), PulpLastUpdated: model.Now()}
		w.put(foreign)
		abroad := &model.ContentGuard{Base: model.NewBase(foreign.ID), PulpType: namedGuard, Name: "open"}
		w.put(abroad)
		asked := 0
		finder := func(context.Context, *model.Distribution, string) (*Found, error) {
			asked++
			return nil, errs.New(errs.NotFound, "not mine")
		}
		for name, guard := range map[string]*string{
			"open": w.guard(namedGuard, "open"), "closed": w.guard(namedGuard, "closed"), "sick": w.guard(namedGuard, "sick"), "asks": w.guard(namedGuard, "asks"),
			"gone": &gone, "foreign": &abroad.ID, "unserved": w.guard(unservedOne, "unserved"), "circle": w.guard(brokenGuard, "circle"),
		} {
			w.distribute(fileType, name, func(d *model.Distribution) { d.PublicationID, d.ContentGuardID = &p.ID, guard })
			w.distribute(fileType, name+"-points", func(d *model.Distribution) {
				d.RepositoryID, d.ContentGuardID, d.Checkpoint = &repo.ID, guard, true
			})
			w.distribute(finderType, name+"-live", func(d *model.Distribution) { d.PublicationID, d.ContentGuardID = &p.ID, guard })
			w.distribute(fileType, name+"-empty", func(d *model.Distribution) { d.ContentGuardID = guard })
			w.distribute(unknownType, name+"-unknown", func(d *model.Distribution) { d.PublicationID, d.ContentGuardID = &p.ID, guard })
		}
		r := New(Options{DB: w.db, Kinds: append(slices.Clone(kinds), Kind{PulpType: finderType, ServesPublications: true, Finder: finder}), Guards: guardKinds(nil), Holder: holder{"ann"}})
		q := &Request{Credentials: nobodysCredentials{}}
		stamp := stampOf(addedAt)
		for name, want := range map[string]errs.Kind{"closed": errs.Forbidden, "sick": errs.Internal, "asks": errs.Forbidden, "gone": errs.Forbidden, "foreign": errs.Forbidden, "unserved": errs.Forbidden, "circle": errs.Forbidden} {
			for _, path := range []string{"", "/", "/f", "/d", "/d/", "/none", "-points", "-points/", "-points/" + stamp, "-points/" + stamp + "/f", "-points/x", "-live/f", "-live/none", "-empty/", "-empty/f", "-unknown/f"} {
				if got := kindOf(r.Resolve(t.Context(), ident.DefaultDomain, name+path, q)); got != want {
					t.Errorf("%s%s: %q, want %q", name, path, got, want)
				}
			}
		}
		if asked > 0 {
			t.Error("a finder was asked before the guard")
		}
		for path, want := range map[string]errs.Kind{"open/f": "", "open": "", "open/": "", "open/none": errs.NotFound, "open-live/f": "", "open-points/": "", "open-points/" + stamp: "", "open-unknown/f": errs.Unavailable, "open-empty/f": errs.NotFound} {
			if got := kindOf(r.Resolve(t.Context(), ident.DefaultDomain, path, q)); got != want {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
		}
		if kindOf(r.Resolve(t.Context(), ident.DefaultDomain, "open/f", nil)) != errs.Forbidden {
			t.Error("a guard let through what is no request")
		}
	})
}

func TestGuardsMayAskWhoItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := w.repository("a", 1).publish(1, false, map[string]string{"f": "f"})
		guard := w.guard(namedGuard, "asks")
		w.distribute(fileType, "a", func(d *model.Distribution) { d.PublicationID, d.ContentGuardID = &p.ID, guard })
		r := New(Options{DB: w.db, Kinds: kinds, Guards: guardKinds(nil), Holder: holder{"ann"}})
		for name, c := range map[string]struct {
			identify auth.Identify
			want     errs.Kind
		}{
			"nobody can tell": {nil, errs.Forbidden},
			"ann": {func(context.Context, auth.Credentials) (*auth.User, error) {
				return &auth.User{Username: "ann", IsActive: true}, nil
			}, ""},
			"ann, deactivated": {func(context.Context, auth.Credentials) (*auth.User, error) { return &auth.User{Username: "ann"}, nil }, errs.Forbidden},
			"bob": {func(context.Context, auth.Credentials) (*auth.User, error) {
				return &auth.User{Username: "bob", IsActive: true}, nil
			}, errs.Forbidden},
			"nobody": {func(context.Context, auth.Credentials) (*auth.User, error) { return nil, nil }, errs.Forbidden},
			"wrong credentials": {func(context.Context, auth.Credentials) (*auth.User, error) {
				return nil, errs.New(errs.Unauthenticated, "no")
			}, errs.Forbidden},
			"no database": {func(context.Context, auth.Credentials) (*auth.User, error) {
				return nil, errs.New(errs.Unavailable, "away")
			}, errs.Unavailable},
		} {
			q := &Request{Credentials: nobodysCredentials{}, Identify: c.identify}
			if got := kindOf(r.Resolve(t.Context(), ident.DefaultDomain, "a/f", q)); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		none := New(Options{DB: w.db, Kinds: kinds, Guards: guardKinds(nil)})
		if got := kindOf(none.Resolve(t.Context(), ident.DefaultDomain, "a/f", &Request{Credentials: nobodysCredentials{}})); got != errs.Unavailable {
			t.Errorf("without anybody who knows permissions: %q", got)
		}
	})
}

// TestTheGuardOfTheMomentDecides changes the guard while it decides: what said yes must be what stands there at the end.
func TestTheGuardOfTheMomentDecides(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := w.repository("a", 1).publish(1, false, map[string]string{"f": "f"})
		open, other, closed := w.guard(namedGuard, "open"), w.guard(namedGuard, "open too"), w.guard(namedGuard, "closed")
		d := w.distribute(fileType, "a", func(d *model.Distribution) { d.PublicationID, d.ContentGuardID = &p.ID, open })
		var before func()
		r := New(Options{DB: w.db, Kinds: kinds, Guards: guardKinds(&before)})
		give := func(column string, id string, value any) {
			w.change(func(tx *db.Tx) error {
				table := "core_distributions"
				if column == "name" {
					table = "core_content_guards"
				}
				return tx.Table(table).Where("id = ?", id).Update(column, value).Error
			})
		}
		ask := func() errs.Kind {
			return kindOf(r.Resolve(t.Context(), ident.DefaultDomain, "a/f", &Request{Credentials: nobodysCredentials{}}))
		}
		before = func() { before = nil; give("content_guard_id", d.ID, *closed) }
		if got := ask(); got != errs.Forbidden {
			t.Errorf("after another guard was given: %q", got)
		}
		give("content_guard_id", d.ID, *open)
		before = func() { before = nil; give("name", *open, "shut") }
		if got := ask(); got != errs.Forbidden {
			t.Errorf("after the guard was changed: %q", got)
		}
		give("name", *open, "open")
		turn := 0
		before = func() { turn++; give("content_guard_id", d.ID, []string{*open, *other}[turn%2]) }
		if got := ask(); got != errs.Unavailable {
			t.Errorf("while it changes all the time: %q", got)
		}
		before = nil
		if got := ask(); got != "" {
			t.Errorf("as it is: %q", got)
		}
	})
}
