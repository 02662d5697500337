package auth

import (
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
)

// TestRules follows rules without a policy: a permission counts everywhere, in the domain and on the object.
func TestRules(t *testing.T) {
	t.Parallel()
	f := newAccess(t, testkit.SQLite(t))
	ann, bob := f.person(t, "ann"), f.person(t, "bob")
	root := &User{ID: 77, Username: "root", IsActive: true, IsSuperuser: true}
	idle := &User{ID: 78, Username: "idle", IsSuperuser: true}
	limited := *root
	limited.Scope = &Scope{Permissions: []string{"*.*"}}
	f.give(t, Assignment{UserID: &ann.ID}, Object{"test.thing", things[0]}, "test.view_thing")
	ann = f.again(t, ann)
	view, del := Permission("test.view_thing"), Permission("test.delete_thing")
	object, other := Object{"test.thing", things[0]}, Object{"test.thing", things[1]}
	for name, c := range map[string]struct {
		q    Question
		want errs.Kind
	}{
		"zero of everything":       {Question{}, errs.Unauthenticated},
		"zero rule, superuser":     {Question{User: root}, errs.Forbidden},
		"zero user":                {Question{User: &User{}, Rule: Authenticated}, errs.Forbidden},
		"nobody, anonymous":        {Question{Rule: Nobody}, errs.Unauthenticated},
		"nobody, user":             {Question{User: ann, Rule: Nobody}, errs.Forbidden},
		"anyone, anonymous":        {Question{Rule: Anyone}, ""},
		"anyone, inactive":         {Question{User: idle, Rule: Anyone}, ""},
		"authenticated, anonymous": {Question{Rule: Authenticated}, errs.Unauthenticated},
		"authenticated, user":      {Question{User: bob, Rule: Authenticated}, ""},
		"authenticated, inactive":  {Question{User: idle, Rule: Authenticated}, errs.Forbidden},
		"admin, superuser":         {Question{User: root, Rule: Superusers}, ""},
		"admin, token":             {Question{User: &limited, Rule: Superusers}, errs.Forbidden},
		"admin, user":              {Question{User: ann, Rule: Superusers}, errs.Forbidden},
		"permission, anonymous":    {Question{Rule: view, Object: object}, errs.Unauthenticated},
		"permission, granted":      {Question{User: ann, Rule: view, Object: object}, ""},
		"permission, other object": {Question{User: ann, Rule: view, Object: other}, errs.Forbidden},
		"permission, other model":  {Question{User: ann, Rule: view, Object: Object{"test.other", things[0]}}, errs.Forbidden},
		"permission, no object":    {Question{User: ann, Rule: view}, errs.Forbidden},
		"other permission":         {Question{User: ann, Rule: del, Object: object}, errs.Forbidden},
		"permission, superuser":    {Question{User: root, Rule: view, Object: object}, ""},
		"permission, inactive":     {Question{User: idle, Rule: view, Object: object}, errs.Forbidden},
		"malformed rule":           {Question{User: root, Rule: "Everyone"}, errs.Forbidden},
		"half a permission":        {Question{User: root, Rule: "core."}, errs.Forbidden},
		"unknown policy":           {Question{User: root, Rule: Authenticated, Policy: "nowhere", Action: "list"}, errs.Forbidden},
	} {
		if pending, err := f.decider.Decide(t.Context(), c.q); errs.KindOf(err) != c.want || pending {
			t.Errorf("%s: got %v, %v, want kind %q", name, pending, err, c.want)
		}
	}
}

// gone is a database that does not answer.
type gone struct{ d *db.DB }

func (g gone) Read(context.Context) *gorm.DB {
	tx := g.d.Read(context.Background()).Session(&gorm.Session{NewDB: true}) // detached: the session is broken anyway
	_ = tx.AddError(errors.New("the connection is gone"))
	return tx
}

func TestWhatCannotBeReadDenies(t *testing.T) {
	t.Parallel()
	f := newAccess(t, testkit.SQLite(t))
	decider, err := NewDecider(Options{DB: gone{f.db}, Declared: f.decider.declared})
	if err != nil {
		t.Fatal(err)
	}
	user := &User{ID: 1, Username: "ann", IsActive: true}
	for name, q := range map[string]Question{
		"rule":         {User: user, Rule: Permission("test.view_thing"), Object: Object{"test.thing", things[0]}},
		"policy":       {User: user, Policy: "things", Action: "retrieve", Object: Object{"test.thing", things[0]}},
		"policy, mark": {User: &User{ID: 1, IsActive: true, Mark: 4}, Policy: "things", Action: "list"},
	} {
		if pending, err := decider.Decide(t.Context(), q); err == nil || pending {
			t.Errorf("%s: granted", name)
		}
	}
	if seen, err := decider.Visible(t.Context(), user, "test.view_thing", "test.thing", ""); err == nil || !seen.None() {
		t.Errorf("visible: %+v", seen)
	}
	if ok, err := decider.Holds(t.Context(), user, "test.view_thing", Object{}, ""); err == nil || ok {
		t.Error("held")
	}
}

func TestPermissionNames(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"core.view_artifact": true, "file.modify_repo_content_filerepository": true, "x1.y2": true,
		"": false, "core": false, "core.": false, ".view": false, "core.view.more": false, "Core.view": false, "core.view artifact": false,
		"anyone": false, "authenticated": false, "core.*": false, "cöre.view": false,
	} {
		if panicked := panics(func() { Permission(name) }); panicked == ok {
			t.Errorf("%q: panicked is %v", name, panicked)
		}
		if got, is := Rule(name).Permission(); is != ok || (ok && got != name) {
			t.Errorf("%q: got %q, %v", name, got, is)
		}
	}
}

func TestUserInContext(t *testing.T) {
	t.Parallel()
	if UserFrom(t.Context()) != nil || UserFrom(WithUser(t.Context(), nil)) != nil {
		t.Error("a user came out of nothing")
	}
	ann := &User{Username: "ann"}
	if UserFrom(WithUser(t.Context(), ann)) != ann {
		t.Error("another user came out")
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}
