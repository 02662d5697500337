package auth

import (
	"strconv"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

const thingTable = `CREATE TABLE test_things (id {{uuid}} PRIMARY KEY, domain_id {{uuid}} NOT NULL, created_by {{int}});`

// otherDomain is a domain beside the default one.
const otherDomain = "0190a5c0-0000-7000-8000-0000000000d2"

// things are the objects that questions are about.
var things = []string{
	"0190a5c0-0000-7000-8000-000000000001", "0190a5c0-0000-7000-8000-000000000002",
	"0190a5c0-0000-7000-8000-000000000003", "0190a5c0-0000-7000-8000-000000000004",
}

// access is a database with declarations and a decider.
type access struct {
	db      *db.DB
	users   *Users
	decider *Decider
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, f *access)) {
	testkit.OnBoth(t, func(t *testing.T, url string) { test(t, newAccess(t, url)) })
}

// declared is the policy of things, and what is known of them.
func declared() *Declared {
	d := NewDeclared()
	for _, name := range []string{"test.view_thing", "test.change_thing", "test.delete_thing"} {
		d.Permission(name, "test.thing")
	}
	d.Permission("test.view_shared", "test.shared")
	d.Global("test.shared")
	d.Role(RoleSpec{Name: "test.thing_owner", Permissions: []string{"test.view_thing", "test.change_thing"}})
	d.Owned("test.thing", Ownership{Policy: "things", Table: "test_things", Column: "created_by"})
	d.Policy(&Policy{Name: "things", Hooks: []Hook{{Function: HookCreator, Parameters: map[string]any{"roles": "test.thing_owner"}}},
		Statements: []Statement{{Action: Texts{"*"}, Principal: Texts{PrincipalAdmin}, Effect: Allow}}, Scoping: &Function{Function: ScopeVisible}})
	return d
}

func newAccess(t testing.TB, url string) *access {
	t.Helper()
	f := &access{db: tables.Open(t, url, thingTable)}
	hasher, _ := cheapHasher()
	f.users = NewUsers(f.db, hasher)
	d := declared()
	now := model.Now()
	f.write(t, func(tx *db.Tx) error {
		for i, id := range things {
			if err := tx.Exec("INSERT INTO test_things (id, domain_id) VALUES (?, ?)", id, []string{ident.DefaultDomain, otherDomain}[i%2]).Error; err != nil {
				return err
			}
		}
		return tx.Create(&model.Domain{ID: otherDomain, Name: "other", StorageClass: "x", PulpCreated: now, PulpLastUpdated: now}).Error
	})
	if err := Sync(t.Context(), f.db, d); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.decider, err = NewDecider(Options{DB: f.db, Declared: d}); err != nil {
		t.Fatal(err)
	}
	return f
}

// write changes something and says so, as everything does that changes access.
func (f *access) write(t testing.TB, work func(tx *db.Tx) error) {
	t.Helper()
	err := f.db.InTx(t.Context(), func(tx *db.Tx) error {
		if err := work(tx); err != nil {
			return err
		}
		return Changed(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *access) person(t testing.TB, name string) *User {
	t.Helper()
	user, err := f.users.CreateUser(t.Context(), User{Username: name, IsActive: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	return f.again(t, user)
}

// again reads a user as the next request does.
func (f *access) again(t testing.TB, user *User) *User {
	t.Helper()
	fresh, err := f.users.User(t.Context(), user.ID)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Scope = user.Scope
	return fresh
}

// give gives a role of its own with permissions, to the user or group of a, on an object unless it is zero.
func (f *access) give(t testing.TB, a Assignment, o Object, permissions ...string) {
	t.Helper()
	f.write(t, func(tx *db.Tx) error {
		role := Role{Name: "role." + ident.New(), Permissions: permissions}
		if err := SaveRole(tx, &role); err != nil {
			return err
		}
		a.RoleID = role.ID
		if o.ID != "" {
			key := o.Key()
			a.Model, a.ObjectID = &o.Model, &key
		}
		return Assign(tx, a)
	})
}

func (f *access) team(t testing.TB, name string, members ...*User) int64 {
	t.Helper()
	g := Group{Name: name}
	f.write(t, func(tx *db.Tx) error {
		if err := tx.Create(&g).Error; err != nil {
			return err
		}
		for _, m := range members {
			if err := tx.Create(&Membership{GroupID: g.ID, UserID: m.ID}).Error; err != nil {
				return err
			}
		}
		return nil
	})
	return g.ID
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
