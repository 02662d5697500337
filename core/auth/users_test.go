package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/packhouse/packhouse/core/errs"
)

func TestUserRoundTrip(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	given := User{ID: 77, Username: "Ann.O'Neil+x@y_z", Password: "ignored", FirstName: "Ánn", LastName: "O'Neil", Email: "ann@example.org",
		IsStaff: true, IsActive: true, IsSuperuser: true}
	made, err := f.users.CreateUser(t.Context(), given, goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	found, err := f.users.FindUser(t.Context(), given.Username)
	if err != nil {
		t.Fatal(err)
	}
	want := given
	want.ID, want.Password, want.DateJoined, want.Mark = made.ID, made.Password, f.clock.now(), 1
	if diff := cmp.Diff(&want, found); diff != "" {
		t.Errorf("stored and found differ (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(found.Password, "$argon2id$") || found.ID == 77 {
		t.Errorf("password hash %q, id %d", found.Password, found.ID)
	}
	second := f.user(t, "second")
	all, err := f.users.ListUsers(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != made.ID || all[1].ID != second.ID {
		t.Errorf("list: %v, %v", all, err)
	}
}

func TestCreateUserRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "taken")
	long := strings.Repeat("é", 151)
	for name, c := range map[string]struct {
		user     User
		password string
		fields   []string
	}{
		"taken":       {User{Username: "taken"}, goodPassword, []string{"username"}},
		"blank":       {User{}, goodPassword, []string{"username"}},
		"colon":       {User{Username: "a:b"}, goodPassword, []string{"username"}},
		"space":       {User{Username: " a"}, goodPassword, []string{"username"}},
		"nul":         {User{Username: "a\x00b"}, goodPassword, []string{"username"}},
		"broken utf8": {User{Username: "a\xff"}, goodPassword, []string{"username"}},
		"all long":    {User{Username: long, FirstName: long, LastName: long, Email: long + "@" + long}, goodPassword, []string{"email", "first_name", "last_name", "username"}},
		"email":       {User{Username: "a", Email: "nowhere"}, goodPassword, []string{"email"}},
		"weak":        {User{Username: "a"}, "short", []string{"password"}},
	} {
		_, err := f.users.CreateUser(t.Context(), c.user, c.password)
		e, ok := err.(*errs.Error)
		if !ok || e.Kind != errs.Invalid {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		var fields []string
		for field := range e.Fields {
			fields = append(fields, field)
		}
		slices.Sort(fields)
		if !slices.Equal(fields, c.fields) {
			t.Errorf("%s: faults in %v, want %v", name, fields, c.fields)
		}
	}
	if all, _ := f.users.ListUsers(t.Context()); len(all) != 1 {
		t.Errorf("refused users were stored: %v", all)
	}
}

func TestMissingUserIsNotFound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, byName := f.users.FindUser(t.Context(), "nobody")
	_, byNumber := f.users.User(t.Context(), 5)
	for name, err := range map[string]error{
		"find": byName, "user": byNumber,
		"set password": f.users.SetPassword(t.Context(), 5, goodPassword),
		"disable":      f.users.DisablePassword(t.Context(), 5),
		"delete":       f.users.DeleteUser(t.Context(), 5),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// PostgreSQL fails on some names that no user can have; they must not get so far. Here no name would get through.
func TestImpossibleNamesDoNotReachTheDatabase(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a\x00b", "a\xff", "a:b", strings.Repeat("a", 151)} {
		if _, err := f.users.FindUser(t.Context(), name); !errs.Is(err, errs.NotFound) {
			t.Errorf("%.10q: got %v", name, err)
		}
	}
	if _, err := f.users.FindUser(t.Context(), "ann"); err == nil || errs.Is(err, errs.NotFound) {
		t.Errorf("a database that does not answer was taken for one without the user: %v", err)
	}
}

func TestSetPasswordRefusesWeakOnes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := f.user(t, "margarete")
	for _, weak := range []string{"", "margarete2", "password"} {
		if err := f.users.SetPassword(t.Context(), user.ID, weak); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: got %v", weak, err)
		}
	}
	if now, _ := f.users.User(t.Context(), user.ID); now.Password != user.Password {
		t.Error("a refused password changed the row")
	}
}

func TestEnsureAdmin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, weak := range []string{"", "admin", "password"} {
		if made, err := f.users.EnsureAdmin(t.Context(), weak); made || !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v, %v", weak, made, err)
		}
	}
	var all sync.WaitGroup
	made := make([]bool, 6)
	for i := range made {
		all.Go(func() {
			other, _ := f.process()
			var err error
			if made[i], err = other.EnsureAdmin(t.Context(), fmt.Sprintf("%s %d", goodPassword, i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	winner := slices.Index(made, true)
	if winner < 0 || slices.Contains(made[winner+1:], true) {
		t.Fatalf("created by %v, want exactly one", made)
	}
	admin, err := f.users.FindUser(t.Context(), "admin")
	if err != nil || !admin.IsSuperuser || !admin.IsStaff || !admin.IsActive {
		t.Fatalf("admin is %#v, %v", admin, err)
	}
	f.cost(t, f.authenticator(t, 0), "admin", fmt.Sprintf("%s %d", goodPassword, winner), "")
	// A later start changes nothing, whatever password it brings.
	for _, password := range []string{"", "another green boat"} {
		if again, err := f.users.EnsureAdmin(t.Context(), password); again || err != nil {
			t.Errorf("a second start: %v, %v", again, err)
		}
	}
	if now, _ := f.users.FindUser(t.Context(), "admin"); now.Password != admin.Password {
		t.Error("a second start changed the password")
	}
}

func TestTheOperatorMayChooseAWeakPassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, refused := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if made, err := f.users.EnsureAdminAsChosen(t.Context(), refused); made || !errs.Is(err, errs.Invalid) {
			t.Errorf("%d bytes: %v, %v", len(refused), made, err)
		}
	}
	if made, err := f.users.EnsureAdminAsChosen(t.Context(), "password"); !made || err != nil {
		t.Fatalf("%v, %v", made, err)
	}
	f.cost(t, f.authenticator(t, 0), "admin", "password", "")
	if again, err := f.users.EnsureAdminAsChosen(t.Context(), "another"); again || err != nil {
		t.Errorf("a second start: %v, %v", again, err)
	}
	admin, err := f.users.FindUser(t.Context(), "admin")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.users.SetPassword(t.Context(), admin.ID, "password"); !errs.Is(err, errs.Invalid) {
		t.Errorf("the rules must hold afterwards: %v", err)
	}
}

func TestRowsNeverPrintSecrets(t *testing.T) {
	t.Parallel()
	const mark = "hunter2secret"
	user := User{ID: 5, Username: "ann", Password: mark}
	session := Session{UserID: 5, KeyHash: mark, CSRF: mark, PasswordMark: mark}
	var out bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewJSONHandler(&out, nil)), slog.New(slog.NewTextHandler(&out, nil))} {
		log.Info("x", "user", user, "pointer", &user, "session", session, "both", []any{&user, &session})
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&out, verb+verb+verb+verb, user, &user, session, &session)
	}
	if err := json.NewEncoder(&out).Encode([]any{user, session}); err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{mark, fmt.Sprintf("%x", mark), fmt.Sprintf("%q", mark)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q is in %s", leak, out.String())
		}
	}
	if !strings.Contains(out.String(), "ann") {
		t.Error("the name of the user is not shown")
	}
}

func TestNewUsersPanicsWithoutItsParts(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewUsers(nil, NewHasher())
}

// TestPeopleOfADirectoryGetNoPassword: it would let them in after they were removed there.
func TestPeopleOfADirectoryGetNoPassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, err := f.users.CreateUser(t.Context(), User{Username: "dora", IsActive: true, Origin: "ldap"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.users.SetPassword(t.Context(), user.ID, goodPassword); !errs.Is(err, errs.Invalid) {
		t.Errorf("%v", err)
	}
}
