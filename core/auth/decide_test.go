package auth

import (
	"context"
	"errors"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

// grants gives one user one permission on one object in one domain.
type grants struct{ err error }

func (g grants) Grants(_ context.Context, user *User, permission, object, domain string) (bool, error) {
	return user.Username == "ann" && permission == "core.view_artifact" && object == "prn:core.artifact:1" && domain == "default", g.err
}

func TestDecide(t *testing.T) {
	t.Parallel()
	ann, bob := &User{ID: 1, Username: "ann", IsActive: true}, &User{ID: 2, Username: "bob", IsActive: true, IsStaff: true}
	root, idle := &User{ID: 3, Username: "root", IsActive: true, IsSuperuser: true}, &User{ID: 4, Username: "idle", IsSuperuser: true}
	view, del := Permission("core.view_artifact"), Permission("core.delete_artifact")
	const object, domain = "prn:core.artifact:1", "default"
	none, some := NewDecider(nil), NewDecider(grants{})
	for name, c := range map[string]struct {
		decider *Decider
		q       Question
		want    errs.Kind
	}{
		"zero of everything":       {&Decider{}, Question{}, errs.Unauthenticated},
		"zero rule, superuser":     {some, Question{User: root}, errs.Forbidden},
		"zero user":                {some, Question{User: &User{}, Rule: Authenticated}, errs.Forbidden},
		"nobody, anonymous":        {some, Question{Rule: Nobody}, errs.Unauthenticated},
		"nobody, user":             {some, Question{User: ann, Rule: Nobody}, errs.Forbidden},
		"anyone, anonymous":        {&Decider{}, Question{Rule: Anyone}, ""},
		"anyone, user":             {none, Question{User: bob, Rule: Anyone}, ""},
		"anyone, inactive":         {none, Question{User: idle, Rule: Anyone}, ""},
		"authenticated, anonymous": {some, Question{Rule: Authenticated}, errs.Unauthenticated},
		"authenticated, user":      {&Decider{}, Question{User: bob, Rule: Authenticated}, ""},
		"authenticated, inactive":  {some, Question{User: idle, Rule: Authenticated}, errs.Forbidden},
		"permission, anonymous":    {some, Question{Rule: view, Object: object, Domain: domain}, errs.Unauthenticated},
		"permission, granted":      {some, Question{User: ann, Rule: view, Object: object, Domain: domain}, ""},
		"permission, other object": {some, Question{User: ann, Rule: view, Object: "prn:core.artifact:2", Domain: domain}, errs.Forbidden},
		"permission, no object":    {some, Question{User: ann, Rule: view, Domain: domain}, errs.Forbidden},
		"permission, other domain": {some, Question{User: ann, Rule: view, Object: object, Domain: "b"}, errs.Forbidden},
		"other permission":         {some, Question{User: ann, Rule: del, Object: object, Domain: domain}, errs.Forbidden},
		"permission, staff":        {some, Question{User: bob, Rule: view, Object: object, Domain: domain}, errs.Forbidden},
		"permission, no granter":   {none, Question{User: ann, Rule: view, Object: object, Domain: domain}, errs.Forbidden},
		"permission, zero decider": {&Decider{}, Question{User: ann, Rule: view, Object: object, Domain: domain}, errs.Forbidden},
		"permission, superuser":    {none, Question{User: root, Rule: view, Object: object, Domain: domain}, ""},
		"permission, inactive":     {some, Question{User: idle, Rule: view, Object: object, Domain: domain}, errs.Forbidden},
		"malformed rule":           {some, Question{User: root, Rule: "Everyone"}, errs.Forbidden},
		"half a permission":        {some, Question{User: root, Rule: "core."}, errs.Forbidden},
	} {
		if err := c.decider.Decide(t.Context(), c.q); errs.KindOf(err) != c.want {
			t.Errorf("%s: got %v, want kind %q", name, err, c.want)
		}
	}
}

func TestGranterThatFailsDenies(t *testing.T) {
	t.Parallel()
	broken := errors.New("roles cannot be read")
	q := Question{User: &User{Username: "ann", IsActive: true}, Rule: Permission("core.view_artifact"), Object: "prn:core.artifact:1", Domain: "default"}
	if err := NewDecider(grants{broken}).Decide(t.Context(), q); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
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
