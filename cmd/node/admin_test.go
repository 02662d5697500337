package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
)

// setUp runs a Setup of its own, as packhouse migrate does.
func setUp(t *testing.T, terminal bool, environ ...string) (Setup, Admin) {
	t.Helper()
	o := options(t, "", environ...)
	s := Setup{Registry: o.Registry, Settings: o.Loaded.Settings, Log: o.Log, Terminal: terminal}
	admin, err := s.RunAlone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, admin
}

// withUsers opens the users of a Setup's database.
func withUsers(t *testing.T, s Setup) *auth.Users {
	t.Helper()
	d, err := OpenDatabase(t.Context(), s.Settings, s.Log, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return auth.NewUsers(d, auth.NewHasher())
}

func mustLogIn(t *testing.T, s Setup, password string) {
	t.Helper()
	a, err := auth.NewAuthenticator(withUsers(t, s), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Basic(t.Context(), auth.AdminName, password); err != nil {
		t.Errorf("log in: %v", err)
	}
}

func TestAGeneratedPasswordIsShownOnATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, admin := setUp(t, true, "PACKHOUSE_DATA="+dir)
	if !admin.Created || admin.Password.Empty() || admin.File != "" {
		t.Fatalf("%+v", admin)
	}
	mustLogIn(t, s, admin.Password.Reveal())
	if _, again := setUp(t, true, "PACKHOUSE_DATA="+dir); again.Created || !again.Password.Empty() {
		t.Errorf("the second start: %+v", again)
	}
}

func TestAGeneratedPasswordIsKeptInAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, admin := setUp(t, false, "PACKHOUSE_DATA="+dir)
	if !admin.Created || !admin.Password.Empty() || admin.File != filepath.Join(dir, "admin-password") {
		t.Fatalf("%+v", admin)
	}
	text, err := os.ReadFile(admin.File)
	if err != nil {
		t.Fatal(err)
	}
	mustLogIn(t, s, strings.TrimSpace(string(text)))
}

func TestTheOperatorChoosesThePassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, admin := setUp(t, false, "PACKHOUSE_DATA="+dir, "PACKHOUSE_ADMIN_PASSWORD=password")
	if !admin.Created || admin.File != "" || !errs.Is(admin.Weak, errs.Invalid) {
		t.Fatalf("%+v", admin)
	}
	mustLogIn(t, s, "password")
	if _, again := setUp(t, false, "PACKHOUSE_DATA="+dir, "PACKHOUSE_ADMIN_PASSWORD=another green boat"); again.Created || again.Weak != nil {
		t.Errorf("the second start: %+v", again)
	}
	mustLogIn(t, s, "password")
}

func TestADeletedAdminDoesNotComeBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := setUp(t, false, "PACKHOUSE_DATA="+dir)
	users := withUsers(t, s)
	if _, err := users.CreateUser(t.Context(), auth.User{Username: "boss", IsActive: true, IsSuperuser: true}, adminPassword); err != nil {
		t.Fatal(err)
	}
	admin, err := users.FindUser(t.Context(), auth.AdminName)
	if err != nil {
		t.Fatal(err)
	}
	if err := users.DeleteUser(t.Context(), admin.ID); err != nil {
		t.Fatal(err)
	}
	if _, again := setUp(t, false, "PACKHOUSE_DATA="+dir); again.Created {
		t.Error("admin is back")
	}
}
