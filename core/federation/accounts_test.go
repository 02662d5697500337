package federation

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

type bed struct {
	db       *db.DB
	users    *auth.Users
	accounts *Accounts
}

func newBed(t *testing.T, url string) *bed {
	t.Helper()
	d := tables.Open(t, url, "")
	users := auth.NewUsers(d, auth.NewHasher())
	return &bed{d, users, NewAccounts(d, users)}
}

func (b *bed) groups(t *testing.T, user *auth.User) []string {
	t.Helper()
	var names []string
	err := b.db.Read(t.Context()).Raw("SELECT g.name FROM core_groups g JOIN core_group_users m ON m.group_id = g.id WHERE m.user_id = ? ORDER BY g.name", user.ID).Scan(&names).Error
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func (b *bed) exec(t *testing.T, statement string, values ...any) {
	t.Helper()
	if err := b.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec(statement, values...).Error }); err != nil {
		t.Fatal(err)
	}
}

func corp() Source {
	return Source{Origin: "oidc:corp", Create: true, Groups: map[string]string{"dev": "developers", "ops": "operators", "sre": "operators"}}
}

func of(subject string) Identity { return Identity{"corp", "https://id.example.org", subject} }

func TestAccounts(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		b := newBed(t, url)
		life(t, b)
		notTakenOver(t, b)
		keptOut(t, b)
		atOnce(t, b)
	})
}

// life follows one person through first and later log-ins.
func life(t *testing.T, b *bed) {
	yes, no := true, false
	ann, err := b.accounts.ByIdentity(t.Context(), corp(), of("1"), Profile{Username: "ann", FirstName: "Ann", Email: "ann@example.org", Groups: []string{"dev", "sre", "unknown"}})
	if err != nil || ann.Origin != "oidc:corp" || ann.Password != "" || ann.IsSuperuser || ann.IsStaff || !ann.IsActive {
		t.Fatalf("made %+v, %v", ann, err)
	}
	if got := b.groups(t, ann); !slices.Equal(got, []string{"developers", "operators"}) {
		t.Errorf("groups %q", got)
	}
	b.exec(t, "INSERT INTO core_groups (name) VALUES ('own')")
	b.exec(t, "INSERT INTO core_group_users (group_id, user_id) SELECT id, ? FROM core_groups WHERE name = 'own'", ann.ID)
	again, err := b.accounts.ByIdentity(t.Context(), corp(), of("1"), Profile{Username: "renamed", FirstName: "Anna", Email: "no address", Groups: []string{"ops"}, Superuser: &yes})
	if err != nil || again.ID != ann.ID || again.Username != "ann" || again.FirstName != "Anna" || again.Email != "" || !again.IsSuperuser {
		t.Fatalf("updated to %+v, %v", again, err)
	}
	if again.Mark == ann.Mark {
		t.Error("the groups changed and the mark did not")
	}
	if got := b.groups(t, ann); !slices.Equal(got, []string{"operators", "own"}) {
		t.Errorf("groups %q: those that the source knows follow it, others stay", got)
	}
	same, err := b.accounts.ByIdentity(t.Context(), corp(), of("1"), Profile{FirstName: "Anna", Groups: []string{"ops"}, Superuser: &no})
	if err != nil || same.IsSuperuser {
		t.Errorf("%+v stays superuser, %v", same, err)
	}
	if same.Mark != again.Mark {
		t.Error("the mark moved without a change of groups")
	}
	if other, err := b.accounts.ByIdentity(t.Context(), corp(), of("2"), Profile{Username: "ann"}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("another person got the name: %v, %v", other, err)
	}
}

func notTakenOver(t *testing.T, b *bed) {
	local, err := b.users.CreateUser(t.Context(), auth.User{Username: "local", IsActive: true, IsSuperuser: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	ldap := Source{Origin: "ldap", Create: true, Groups: corp().Groups}
	for who, ask := range map[string]func() (*auth.User, error){
		"by name": func() (*auth.User, error) {
			return b.accounts.ByName(t.Context(), ldap, Profile{Username: "local", Groups: []string{"dev"}})
		},
		"by identity": func() (*auth.User, error) {
			return b.accounts.ByIdentity(t.Context(), corp(), of("5"), Profile{Username: "local"})
		},
		"known": func() (*auth.User, error) { return b.accounts.Known(t.Context(), ldap, local.ID) },
	} {
		if user, err := ask(); !errs.Is(err, errs.Forbidden) || user != nil {
			t.Errorf("%s: %v, %v", who, user, err)
		}
	}
	if mine, err := b.accounts.Mine(t.Context(), ldap, "local"); mine || err != nil {
		t.Errorf("a local user counts as the directory's, %v", err)
	}
	if got := b.groups(t, local); got != nil {
		t.Errorf("the local user is in %q", got)
	}
}

func keptOut(t *testing.T, b *bed) {
	s := corp()
	ann, err := b.accounts.ByIdentity(t.Context(), s, of("3"), Profile{Username: "idle"})
	if err != nil {
		t.Fatal(err)
	}
	b.exec(t, "UPDATE core_users SET is_active = ? WHERE id = ?", false, ann.ID)
	if _, err := b.accounts.ByIdentity(t.Context(), s, of("3"), Profile{Username: "idle"}); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("deactivated: %v", err)
	}
	if _, err := b.accounts.Known(t.Context(), s, ann.ID); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("deactivated and remembered: %v", err)
	}
	for _, name := range []string{"", "with:colon", " space", "a\x00", strings.Repeat("x", 151)} {
		if _, err := b.accounts.ByIdentity(t.Context(), s, of("6"), Profile{Username: name}); !errs.Is(err, errs.Forbidden) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for _, subject := range []string{"", "a\x00", "ä", "\xff", strings.Repeat("x", 256)} {
		if _, err := b.accounts.ByIdentity(t.Context(), s, of(subject), Profile{Username: "subject"}); !errs.Is(err, errs.Forbidden) {
			t.Errorf("subject %q: %v", subject, err)
		}
	}
	s.Create = false
	if _, err := b.accounts.ByIdentity(t.Context(), s, of("9"), Profile{Username: "new"}); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("made although the settings say no: %v", err)
	}
}

// The same person may come in many requests at once; another issuer's person of the same subject is somebody else.
func atOnce(t *testing.T, b *bed) {
	var all sync.WaitGroup
	ids := make([]int64, 8)
	for i := range ids {
		all.Go(func() {
			user, err := b.accounts.ByIdentity(t.Context(), corp(), of("4"), Profile{Username: "many", Groups: []string{"dev"}})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = user.ID
		})
	}
	all.Wait()
	if slices.Max(ids) != slices.Min(ids) {
		t.Errorf("users %d", ids)
	}
	foreign := Identity{"corp", "https://other.example.org", "4"}
	if user, err := b.accounts.ByIdentity(t.Context(), corp(), foreign, Profile{Username: "many"}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("another issuer's subject gave %v, %v", user, err)
	}
}
