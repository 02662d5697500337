package auth

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

// TestNobodyTakesTheNameOfSomebodyElsewhere: a person of a directory or proxy is known by name, so who renames himself
// would be logged in to by the next person of that name, and share what that one may do.
func TestNobodyTakesTheNameOfSomebodyElsewhere(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	plain, err := NewAuthenticator(f.users, 0)
	if err != nil {
		t.Fatal(err)
	}
	behind, _ := NewAuthenticator(f.users, 0)
	behind.KeepNames()
	beside, _ := NewAuthenticator(f.users, 0)
	beside.Use(&Throttle{}, &directory{f: f})
	for what, c := range map[string]struct {
		passwords *Authenticator
		origin    string
		kept      bool
	}{
		"here":                           {plain, "", false},
		"of a directory":                 {plain, "ldap", true},
		"of a provider":                  {plain, "oidc:corp", true},
		"of a proxy":                     {plain, "remote", true},
		"here, and a proxy names people": {behind, "", true},
		"here, beside a directory":       {beside, "", true},
	} {
		user, err := f.users.CreateUser(t.Context(), User{Username: strings.NewReplacer(" ", "-", ",", "").Replace(what), IsActive: true, Origin: c.origin}, "")
		if err != nil {
			t.Fatal(err)
		}
		same, mail, other := user.Username, "a@example.org", "boss."+user.Username
		if err := c.passwords.ChangeOwn(t.Context(), user, OwnChange{Username: &same, Email: &mail}); err != nil {
			t.Errorf("%s: the name that it has: %v", what, err)
		}
		err = c.passwords.ChangeOwn(t.Context(), user, OwnChange{Username: &other})
		if errs.Is(err, errs.Invalid) != c.kept || !c.kept && err != nil {
			t.Errorf("%s: renamed, %v; want refused %v", what, err, c.kept)
		}
	}
}
