package ldap

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// bed is a database that the tests of this file share: each has people of its own.
type bed struct {
	db    *db.DB
	users *auth.Users
}

// place is a part of the directory, with the settings for it.
type place struct {
	*bed
	*testkit.Directory
	settings config.LDAP

	mu sync.Mutex
	at time.Time
}

func (b *bed) place(t *testing.T) *place {
	t.Helper()
	d := testkit.LDAP(t)
	return &place{bed: b, Directory: d, at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), settings: config.LDAP{
		URL: d.URL, StartTLS: true, CAFile: d.CAFile, BindDN: d.BindDN, BindPassword: config.NewSecret(d.BindPassword),
		UserBase: d.People, UserFilter: "(uid=%s)", UsernameAttribute: "uid", FirstNameAttribute: "givenName", LastNameAttribute: "sn", EmailAttribute: "mail",
		GroupBase: d.Groups, GroupFilter: "(member=%s)", GroupNameAttribute: "cn", CreateUsers: true, Timeout: 10 * time.Second,
	}}
}

func (p *place) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *place) forward(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(d)
}

func (p *place) backend(t *testing.T) *Backend {
	t.Helper()
	b, err := New(Options{Settings: p.settings, Accounts: federation.NewAccounts(p.db, p.users), Remember: time.Minute, Now: p.now})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p *place) expect(t *testing.T, b *Backend, name, password string, want errs.Kind) *auth.User {
	t.Helper()
	user, err := b.Authenticate(t.Context(), name, password)
	if errs.KindOf(err) != want || (user == nil) != (want != "") {
		t.Errorf("%q: %v, %v; want kind %q", name, user, err, want)
	}
	if err != nil && (strings.Contains(err.Error(), p.Base) || password != "" && strings.Contains(err.Error(), password)) {
		t.Errorf("the error tells too much: %v", err)
	}
	return user
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	d := tables.Open(t, testkit.SQLite(t), "")
	b := &bed{d, auth.NewUsers(d, auth.NewHasher())}
	for name, check := range map[string]func(*testing.T, *place){
		"log-in": logIn, "injection": injection, "groups": groups, "remembered": rememberedPairs, "local": localUsers, "down": down, "plain": withoutTLS, "storm": storm,
	} {
		t.Run(name, func(t *testing.T) { check(t, b.place(t)) })
	}
}

func logIn(t *testing.T, p *place) {
	p.Person("ann", "right")
	b := p.backend(t)
	user := p.expect(t, b, "ann", "right", "")
	if user == nil || user.Origin != Origin || user.FirstName != "Given ann" || user.LastName != "Family" || user.Email != "person@example.org" || user.Password != "" || user.IsSuperuser {
		t.Fatalf("made %+v", user)
	}
	if other := p.expect(t, b, "ANN", "right", ""); other == nil || other.ID != user.ID || other.Username != "ann" {
		t.Errorf("the directory's name in other letters gives %v", other)
	}
	p.expect(t, b, "ann", "wrong", errs.Unauthenticated)
	p.expect(t, b, "ann", "Right", errs.Unauthenticated)
	// The server lets a bind without a password succeed as anonymous.
	p.expect(t, b, "ann", "", errs.Unauthenticated)
	p.expect(t, b, "ann", strings.Repeat("x", maxPassword+1), errs.Unauthenticated)
	for _, nobody := range []string{"", "bob", "\xff", strings.Repeat("x", maxName+1)} {
		p.expect(t, b, nobody, "right", errs.NotFound)
	}
}

func injection(t *testing.T, p *place) {
	p.Person("inj", "right")
	p.Person("od(d)*\\ö", "right")
	b := p.backend(t)
	for _, name := range []string{"*", "in*", "inj)(uid=*", "*)(uid=*))(|(uid=*", "inj\x00", "\\69nj", "inj)(|(objectClass=*"} {
		p.expect(t, b, name, "right", errs.NotFound)
	}
	if user := p.expect(t, b, "od(d)*\\ö", "right", ""); user == nil || user.Username != "od(d)*\\ö" {
		t.Errorf("a strange name gives %v", user)
	}
}

func groups(t *testing.T, p *place) {
	gus, eve := p.Person("gus", "right"), p.Person("eve, the (first)", "right")
	p.Group("Staff", gus, eve)
	p.Group("admins", gus)
	p.Group("others", eve)
	p.settings.GroupMap = map[string]string{"staff": "people", "others": "visitors"}
	p.settings.RequiredGroup, p.settings.SuperuserGroup = "staff", "admins"
	b := p.backend(t)
	user := p.expect(t, b, "gus", "right", "")
	if user == nil || !user.IsSuperuser {
		t.Errorf("%v is no superuser", user)
	}
	second := p.expect(t, b, "eve, the (first)", "right", "")
	if second == nil || second.IsSuperuser {
		t.Fatalf("%v is superuser", second)
	}
	if got := p.member(t, second); !slices.Equal(got, []string{"people", "visitors"}) {
		t.Errorf("groups %q", got)
	}
	p.Set("cn=others,"+p.Groups, "member", gus)
	p.Set("cn=admins,"+p.Groups, "member", eve)
	p.forward(time.Minute)
	if user := p.expect(t, b, "gus", "right", ""); user == nil || user.IsSuperuser {
		t.Errorf("%v stays superuser", user)
	}
	if got := p.member(t, user); !slices.Equal(got, []string{"people", "visitors"}) {
		t.Errorf("groups %q", got)
	}
	p.Set("cn=Staff,"+p.Groups, "member", eve)
	p.forward(time.Minute)
	p.expect(t, b, "gus", "right", errs.Unauthenticated)
}

func (p *place) member(t *testing.T, user *auth.User) (names []string) {
	t.Helper()
	err := p.db.Read(t.Context()).Raw("SELECT g.name FROM core_groups g JOIN core_group_users m ON m.group_id = g.id WHERE m.user_id = ? ORDER BY g.name", user.ID).Scan(&names).Error
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func rememberedPairs(t *testing.T, p *place) {
	dn := p.Person("rem", "right")
	b := p.backend(t)
	user := p.expect(t, b, "rem", "right", "")
	p.Set(dn, "userPassword", "changed")
	p.forward(time.Minute - time.Nanosecond)
	p.expect(t, b, "rem", "right", "")
	p.expect(t, b, "rem", "changed", "")
	p.forward(time.Nanosecond)
	p.expect(t, b, "rem", "right", errs.Unauthenticated)
	p.expect(t, b, "rem", "changed", "")
	p.exec(t, "UPDATE core_users SET is_active = ? WHERE id = ?", false, user.ID)
	p.expect(t, b, "rem", "changed", errs.Unauthenticated) // from memory
	p.forward(time.Hour)
	p.expect(t, b, "rem", "changed", errs.Unauthenticated) // from the directory
	p.exec(t, "DELETE FROM core_users WHERE id = ?", user.ID)
	if again := p.expect(t, b, "rem", "changed", ""); again == nil || again.ID == user.ID {
		t.Errorf("after the user was deleted: %v", again)
	}
	p.Remove(dn)
	p.forward(time.Minute)
	p.expect(t, b, "rem", "changed", errs.NotFound)
}

func (b *bed) exec(t *testing.T, statement string, values ...any) {
	t.Helper()
	if err := b.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec(statement, values...).Error }); err != nil {
		t.Fatal(err)
	}
}

func localUsers(t *testing.T, p *place) {
	p.Person("loc", "right")
	if _, err := p.users.CreateUser(t.Context(), auth.User{Username: "loc", IsActive: true}, ""); err != nil {
		t.Fatal(err)
	}
	b := p.backend(t)
	p.expect(t, b, "loc", "right", errs.NotFound)
	p.expect(t, b, "LOC", "right", errs.Unauthenticated) // the directory says that it is loc
	p.Person("two", "right")
	p.Add("ou=more,"+p.People, map[string][]string{"objectClass": {"organizationalUnit"}})
	p.Add("uid=two,ou=more,"+p.People, map[string][]string{"objectClass": {"inetOrgPerson"}, "cn": {"x"}, "sn": {"x"}, "userPassword": {"right"}})
	p.expect(t, b, "two", "right", errs.Unauthenticated)
	p.settings.CreateUsers = false
	p.Person("new", "right")
	p.expect(t, p.backend(t), "new", "right", errs.Unauthenticated)
}

func down(t *testing.T, p *place) {
	if _, err := p.users.CreateUser(t.Context(), auth.User{Username: "here", IsActive: true}, ""); err != nil {
		t.Fatal(err)
	}
	right := p.settings
	for name, spoil := range map[string]func(*config.LDAP){
		"nobody listens": func(s *config.LDAP) { s.URL = "ldap://" + deadAddress(t) },
		"silent":         func(s *config.LDAP) { s.URL, s.Timeout = "ldap://"+silentAddress(t), 50*time.Millisecond },
		"bind password":  func(s *config.LDAP) { s.BindPassword = config.NewSecret("wrong") },
		"base":           func(s *config.LDAP) { s.UserBase = "ou=none," + p.Base },
		"unknown issuer": func(s *config.LDAP) { s.CAFile = "" },
		"other name":     func(s *config.LDAP) { s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1) },
	} {
		p.settings = right
		spoil(&p.settings)
		b := p.backend(t)
		t.Log(name)
		p.expect(t, b, "somebody", "right", errs.Unavailable)
		p.expect(t, b, "here", "right", errs.NotFound) // local users are not asked about
	}
	p.settings = right
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.backend(t).Authenticate(ctx, "somebody", "right"); err == nil {
		t.Error("a log-in that was given up succeeded")
	}
}

// deadAddress is one where nobody listens.
func deadAddress(t *testing.T) string {
	l := listen(t)
	defer l.Close()
	return l.Addr().String()
}

// silentAddress is one where nobody ever answers.
func silentAddress(t *testing.T) string {
	l := listen(t)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func withoutTLS(t *testing.T, p *place) {
	p.Person("tom", "right")
	p.settings.StartTLS, p.settings.BindDN, p.settings.GroupBase = false, "", "" // anonymous look-up, no groups
	p.expect(t, p.backend(t), "tom", "right", "")
}

func storm(t *testing.T, p *place) {
	p.Person("sam", "right")
	b := p.backend(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { p.expect(t, b, "sam", "right", "") })
	}
	all.Wait()
}

func TestSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no certificates": {Settings: config.LDAP{CAFile: filepath.Join(t.TempDir(), "none")}},
		"too long":        {Remember: auth.MaxRemember + 1},
		"negative":        {Remember: -1},
	} {
		if _, err := New(o); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
