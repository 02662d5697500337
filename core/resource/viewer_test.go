package resource

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

const sightTables = `CREATE TABLE test_things (id {{uuid}} PRIMARY KEY, domain_id {{uuid}} NOT NULL, created_by {{int}});

CREATE TABLE test_numbers (id {{serial}}, domain_id {{uuid}} NOT NULL);`

const sideDomain = "0190a5c0-0000-7000-8000-0000000000d2"

// sight is a database with things, of which users see some.
type sight struct {
	db       *db.DB
	declared *auth.Declared
	registry *Registry
	users    *auth.Users
	things   []string
}

// owners leaves what the user owns: an authorizer as operators order them.
type owners struct{}

func (owners) Allows(ctx context.Context, view auth.View, q auth.Question) (bool, string, error) {
	ok, err := view.HasRole(ctx, q.User, "test.thing_owner", q.Object)
	return ok, "", err
}

func (owners) Limit(context.Context, auth.View, auth.Question) (auth.Limit, error) {
	return auth.Limit{Roles: []string{"test.thing_owner"}}, nil
}

func newSight(t testing.TB, url string) *sight {
	t.Helper()
	s := &sight{db: tables.Open(t, url, sightTables), declared: auth.NewDeclared(), registry: NewRegistry()}
	s.registry.Add(Kind{Path: "things", Model: "test.thing", Table: "test_things"})
	s.registry.Add(Kind{Path: "numbers", Model: "test.number", Table: "test_numbers", Numbered: true})
	s.users = auth.NewUsers(s.db, auth.NewHasher())
	d := s.declared
	d.Permission("test.view_thing", "test.thing")
	d.Permission("test.view_number", "test.number")
	d.Global("test.number")
	d.Role(auth.RoleSpec{Name: "test.thing_owner", Permissions: []string{"test.view_thing"}})
	d.Policy(&auth.Policy{Name: "things", Hooks: []auth.Hook{{Function: auth.HookCreator, Parameters: map[string]any{"roles": "test.thing_owner"}}}})
	d.Owned("test.thing", auth.Ownership{Policy: "things", Table: "test_things", Column: "created_by"})
	must(t, auth.Sync(t.Context(), s.db, d))
	now := model.Now()
	must(t, s.db.InTx(t.Context(), func(tx *db.Tx) error {
		for i := range 12 {
			id, domain := ident.New(), []string{ident.DefaultDomain, sideDomain}[i%2]
			s.things = append(s.things, id)
			if err := tx.Exec("INSERT INTO test_things (id, domain_id) VALUES (?, ?)", id, domain).Error; err != nil {
				return err
			}
			if err := tx.Exec("INSERT INTO test_numbers (domain_id) VALUES (?)", domain).Error; err != nil {
				return err
			}
		}
		return tx.Create(&model.Domain{ID: sideDomain, Name: "side", StorageClass: "x", PulpCreated: now, PulpLastUpdated: now}).Error
	}))
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// viewer is what a request of the user looks with.
func (s *sight) viewer(ctx context.Context, d *auth.Decider, user *auth.User, domain string) *Viewer {
	return (&Call{Env: &Env{Decider: d, Registry: s.registry}, User: user, Domain: domain, context: ctx}).Viewer()
}

func (s *sight) change(t testing.TB, work func(tx *db.Tx) error) {
	t.Helper()
	must(t, s.db.InTx(t.Context(), func(tx *db.Tx) error {
		if err := work(tx); err != nil {
			return err
		}
		return auth.Changed(tx)
	}))
}

// TestWhatAListShowsIsWhatMayBeRead makes random assignments and compares the rows that a list leaves with the answers
// for each object.
func TestWhatAListShowsIsWhatMayBeRead(t *testing.T) {
	test := func(t *testing.T, s *sight) {
		random := rand.New(rand.NewPCG(3, 1))
		var users []*auth.User
		for _, name := range []string{"ann", "bob", "root"} {
			u, err := s.users.CreateUser(t.Context(), auth.User{Username: name, IsActive: true, IsSuperuser: name == "root"}, "")
			must(t, err)
			users = append(users, u)
		}
		plain, err := auth.NewDecider(auth.Options{DB: s.db, Declared: s.declared})
		must(t, err)
		limited, err := auth.NewDecider(auth.Options{DB: s.db, Declared: s.declared, Authorizers: []auth.NamedAuthorizer{{Name: "owners", Authorizer: owners{}}}})
		must(t, err)
		shown := 0
		for range 30 {
			s.change(t, func(tx *db.Tx) error { return s.shuffle(tx, random, users) })
			for _, u := range users {
				user, err := s.users.User(t.Context(), u.ID)
				must(t, err)
				user.Scope = s.scope(random)
				domain := pick(random, ident.DefaultDomain, sideDomain)
				shown += s.compare(t, plain, user, domain, "test.thing", "test.view_thing", "test_things", "")
				shown += s.compare(t, plain, user, domain, "test.number", "test.view_number", "test_numbers", "")
				shown += s.compare(t, limited, user, domain, "test.thing", "test.view_thing", "test_things", "test.thing_owner")
			}
		}
		if shown < 100 {
			t.Errorf("the lists show %d objects in all; the assignments give too little", shown)
		}
	}
	testkit.OnBoth(t, func(t *testing.T, url string) { test(t, newSight(t, url)) })
}

// compare gives how many objects the list shows.
func (s *sight) compare(t *testing.T, d *auth.Decider, user *auth.User, domain, label, permission, table, role string) int {
	t.Helper()
	cond, err := s.viewer(t.Context(), d, user, domain).Sees(label, permission, "d.id")
	must(t, err)
	var listed, readable, all []string
	must(t, s.db.Read(t.Context()).Table(table+" d").Where("d.domain_id = ?", domain).Where(cond.SQL, cond.Args...).Order("d.id").Pluck("d.id", &listed).Error)
	must(t, s.db.Read(t.Context()).Table(table+" d").Where("d.domain_id = ?", domain).Order("d.id").Pluck("d.id", &all).Error)
	for _, id := range all {
		o := auth.Object{Model: label, ID: id}
		ok, err := d.Holds(t.Context(), user, permission, o, domain)
		must(t, err)
		if ok && role != "" {
			ok, err = d.HasRole(t.Context(), user, role, o)
			must(t, err)
		}
		if ok {
			readable = append(readable, id)
		}
	}
	if !slices.Equal(listed, readable) {
		t.Fatalf("%s with %+v sees of %s in %s\n%v, may read\n%v\n%s %v", user, user.Scope, label, domain, listed, readable, cond.SQL, cond.Args)
	}
	return len(listed)
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (s *sight) scope(r *rand.Rand) *auth.Scope {
	scope := &auth.Scope{Permissions: []string{pick(r, "*.*", "test.view_*", "test.view_n*")}}
	switch r.IntN(6) {
	case 0:
		scope.Domains = []string{sideDomain}
	case 1:
		scope.Objects = []string{ident.PRN("test.thing", pick(r, s.things...)), ident.PRN("test.thing", pick(r, s.things...)), ident.PRN("test.number", fmt.Sprint(1+r.IntN(12)))}
	case 2:
	default:
		return nil
	}
	return scope
}

// shuffle writes new random groups, roles, assignments and creators.
func (s *sight) shuffle(tx *db.Tx, r *rand.Rand, users []*auth.User) error {
	for _, statement := range []string{"DELETE FROM core_role_assignments", "DELETE FROM core_groups", "UPDATE test_things SET created_by = NULL"} {
		if err := tx.Exec(statement).Error; err != nil {
			return err
		}
	}
	team := auth.Group{Name: "red"}
	if err := tx.Create(&team).Error; err != nil {
		return err
	}
	for _, u := range users {
		if r.IntN(2) == 0 {
			if err := tx.Create(&auth.Membership{GroupID: team.ID, UserID: u.ID}).Error; err != nil {
				return err
			}
		}
	}
	owner, err := auth.FindRole(tx.DB, "test.thing_owner")
	if err != nil {
		return err
	}
	number := &auth.Role{Name: "numbers " + ident.New(), Permissions: []string{"test.view_number"}}
	if err := auth.SaveRole(tx, number); err != nil {
		return err
	}
	for range r.IntN(8) {
		if err := auth.Assign(tx, s.assignment(r, users, team.ID, owner, number)); err != nil {
			return err
		}
	}
	return tx.Exec("UPDATE test_things SET created_by = ? WHERE id = ?", pick(r, users...).ID, pick(r, s.things...)).Error
}

func (s *sight) assignment(r *rand.Rand, users []*auth.User, team int64, owner, number *auth.Role) auth.Assignment {
	label, role, id := "test.thing", owner, pick(r, s.things...)
	if r.IntN(2) == 0 {
		label, role, id = "test.number", number, fmt.Sprint(1+r.IntN(12))
	}
	a := auth.Assignment{RoleID: role.ID, UserID: &pick(r, users...).ID}
	if r.IntN(2) == 0 {
		a.UserID, a.GroupID = nil, &team
	}
	domain, key := pick(r, ident.DefaultDomain, sideDomain), auth.ObjectKey(id)
	switch r.IntN(8) {
	case 0:
	case 1:
		a.DomainID = &domain
	default:
		a.Model, a.ObjectID = &label, &key
	}
	return a
}
