package auth

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
)

// The test of this file makes random roles, assignments, groups and policies, and compares decisions with a model that
// is as short as the rules are: allowed is what a statement allows and none denies.

var (
	somePermissions = []string{"test.view_thing", "test.change_thing", "test.delete_thing"}
	someActions     = []string{"list", "retrieve", "update"}
	someRelations   = []string{"", "repository", "group", "repo_attr", "remote_param", "repo_or_repo_ver_param", "publication_param", "upload_param"}
	someLevels      = []string{"model", "domain", "obj", "model_or_domain", "model_or_obj", "model_or_domain_or_obj"}
)

// given is an assignment as the model knows it: empty members are not set.
type given struct {
	user, group    int64
	permissions    []string
	domain, object string
}

// asks is a condition as the model knows it.
type asks struct {
	relation, levels, permission string
	required                     bool
}

func (a asks) text() string {
	if a.required {
		return "has_required_repo_perms_on_upload:" + a.permission
	}
	return strings.Replace("has_"+a.relation+"_"+a.levels+"_perms:"+a.permission, "has__", "has_", 1)
}

type rule struct {
	actions    []string
	principal  string
	effect     string
	conditions []asks
}

// model is everything that decisions are made of.
type rules struct {
	given   []given
	rules   []rule
	member  map[int64][]int64 // groups of a user
	names   map[int64]string  // of groups
	creator map[string]int64  // of things
}

// asked is a question with everything that the request says.
type asked struct {
	user    *User
	action  string
	object  string
	domain  string
	parents map[string]string
	payload map[string]string
}

func (m *rules) allows(q asked) bool {
	allowed := false
	for _, r := range m.rules {
		if !slices.Contains(r.actions, q.action) && !slices.Contains(r.actions, "*") || !m.is(q.user, r) {
			continue
		}
		met, broken := m.met(r, q)
		if r.effect == Deny && (met || broken) {
			return false
		}
		allowed = allowed || r.effect == Allow && met
	}
	return allowed && q.user.IsActive
}

func (m *rules) is(u *User, r rule) bool {
	kind, rest, _ := strings.Cut(r.principal, ":")
	switch kind {
	case "admin":
		return u.IsSuperuser && (u.Scope == nil || r.effect == Deny)
	case "id":
		return number(u.ID) == rest
	case "group":
		return slices.ContainsFunc(m.member[u.ID], func(g int64) bool { return m.names[g] == rest })
	}
	return true
}

// met: all conditions hold; broken: one needs a repository that the body does not name.
func (m *rules) met(r rule, q asked) (met, broken bool) {
	for _, c := range r.conditions {
		if r.effect == Allow && !q.user.Scope.Allows(c.permission, q.domain) {
			return false, false
		}
		about := []string{q.object}
		switch {
		case c.required || c.relation == "repo_or_repo_ver_param":
			about = named(q, "repository", "repository_version")
		case strings.HasSuffix(c.relation, "_param"):
			about = named(q, strings.TrimSuffix(c.relation, "_param"))
		case c.relation != "":
			about = []string{q.parents[c.relation]}
		}
		if c.required && len(about) == 0 && !q.user.IsSuperuser {
			return false, true
		}
		for _, o := range about {
			if !m.has(q.user, c, o, q.domain) {
				return false, false
			}
		}
	}
	return true, false
}

func named(q asked, members ...string) (objects []string) {
	for _, name := range members {
		if o := q.payload[name]; o != "" {
			objects = append(objects, o)
		}
	}
	return objects
}

func (m *rules) has(u *User, c asks, object, domain string) bool {
	if u.IsSuperuser {
		return true
	}
	levels := strings.Split(c.levels, "_or_")
	for _, g := range m.given {
		if g.user != u.ID && !slices.Contains(m.member[u.ID], g.group) || !slices.Contains(g.permissions, c.permission) {
			continue
		}
		level := "model"
		switch {
		case g.object != "":
			level = "obj"
		case g.domain != "":
			level = "domain"
		}
		if slices.Contains(levels, level) && (level == "model" || level == "domain" && g.domain == domain || level == "obj" && g.object == object) {
			return true
		}
	}
	mine := slices.Contains([]string{"test.view_thing", "test.change_thing"}, c.permission) // the role of creators
	return mine && slices.Contains(levels, "obj") && object != "" && m.creator[object] == u.ID
}

func TestDecisionsAreThoseOfTheModel(t *testing.T) {
	onBoth(t, func(t *testing.T, f *access) {
		random := rand.New(rand.NewPCG(5, 7))
		users := []*User{f.person(t, "ann"), f.person(t, "bob"), f.person(t, "eve"), f.person(t, "root")}
		f.write(t, func(tx *db.Tx) error {
			return tx.Exec("UPDATE core_users SET is_superuser = TRUE WHERE id = ?", users[3].ID).Error
		})
		teams := []int64{f.team(t, "red"), f.team(t, "blue")}
		for range 40 {
			m := f.shuffle(t, random, users, teams)
			for i := range users {
				users[i].Scope = nil
				users[i] = f.again(t, users[i])
				if random.IntN(4) == 0 {
					users[i].Scope = pick(random, &Scope{Permissions: []string{"test.view_*"}}, &Scope{Permissions: []string{"*.*"}, Domains: []string{otherDomain}}, &Scope{Permissions: []string{"*.*"}})
				}
			}
			cold, err := NewDecider(Options{DB: f.db, Declared: f.decider.declared})
			if err != nil {
				t.Fatal(err)
			}
			for range 25 {
				q := randomQuestion(random, users)
				want := m.allows(q)
				for name, d := range map[string]*Decider{"warm": f.decider, "cold": cold, "warm again": f.decider} {
					if got := ask(t, d, q); got != want {
						t.Fatalf("%s: granted is %v, want %v\n%+v\nscope %+v\n%+v\nmodel %+v", name, got, want, q, q.user.Scope, m.rules, m.given)
					}
				}
			}
		}
	})
}

// ask decides as an operation does: first without the body, then with it where that is needed.
func ask(t *testing.T, d *Decider, q asked) bool {
	t.Helper()
	about := Question{User: q.user, Policy: "things", Action: q.action, Domain: q.domain, Model: "test.thing"}
	if q.object != "" {
		about.Object = Object{"test.thing", q.object}
	}
	about.Parents = map[string]Object{}
	for relation, id := range q.parents {
		about.Parents[relation] = Object{"test.thing", id}
	}
	pending, err := d.Decide(t.Context(), about)
	if pending {
		about.Payload = func(member string) (Object, bool) {
			id := q.payload[member]
			return Object{"test.thing", id}, id != ""
		}
		if pending, err = d.Decide(t.Context(), about); pending {
			t.Fatal("the decision never ends")
		}
	}
	return err == nil
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func some[T any](r *rand.Rand, from []T) []T {
	var out []T
	for _, v := range from {
		if r.IntN(2) == 0 {
			out = append(out, v)
		}
	}
	return out
}

func randomQuestion(r *rand.Rand, users []*User) asked {
	maybe := append([]string{""}, things...)
	q := asked{user: pick(r, users...), action: pick(r, someActions...), object: pick(r, maybe...), domain: pick(r, ident.DefaultDomain, otherDomain), parents: map[string]string{}, payload: map[string]string{}}
	for _, relation := range []string{"repository", "group", "repo_attr"} {
		if id := pick(r, maybe...); id != "" {
			q.parents[relation] = id
		}
	}
	for _, member := range []string{"remote", "repository", "repository_version", "publication", "upload"} {
		q.payload[member] = pick(r, maybe...)
	}
	return q
}

// shuffle writes new random roles, assignments, groups and a policy, and gives them as the model knows them.
func (f *access) shuffle(t *testing.T, r *rand.Rand, users []*User, teams []int64) *rules {
	t.Helper()
	m := &rules{member: map[int64][]int64{}, names: map[int64]string{teams[0]: "red", teams[1]: "blue"}, creator: map[string]int64{}}
	for range r.IntN(8) {
		g := given{permissions: some(r, somePermissions)}
		if g.user = pick(r, users...).ID; r.IntN(2) == 0 {
			g.user, g.group = 0, pick(r, teams...)
		}
		switch r.IntN(5) {
		case 0:
			g.domain = pick(r, ident.DefaultDomain, otherDomain)
		case 1, 2, 3:
			g.object = pick(r, things...)
		}
		m.given = append(m.given, g)
	}
	for range 1 + r.IntN(5) {
		m.rules = append(m.rules, randomRule(r, users))
	}
	for _, u := range users {
		m.member[u.ID] = some(r, teams)
	}
	for _, id := range things {
		if r.IntN(3) == 0 {
			m.creator[id] = pick(r, users...).ID
		}
	}
	f.write(t, func(tx *db.Tx) error { return m.store(tx) })
	return m
}

func randomRule(r *rand.Rand, users []*User) rule {
	out := rule{actions: some(r, someActions), effect: pick(r, Allow, Allow, Allow, Deny)}
	out.principal = pick(r, PrincipalUsers, PrincipalUsers, PrincipalUsers, PrincipalAdmin, "group:red", "group:none", "id:"+number(pick(r, users...).ID))
	if len(out.actions) == 0 {
		out.actions = []string{"*"}
	}
	for range r.IntN(3) {
		c := asks{relation: pick(r, someRelations...), levels: pick(r, someLevels...), permission: pick(r, somePermissions...)}
		if r.IntN(10) == 0 {
			c = asks{levels: "model_or_domain_or_obj", permission: c.permission, required: true}
		}
		out.conditions = append(out.conditions, c)
	}
	return out
}

func (m *rules) store(tx *db.Tx) error {
	for _, statement := range []string{"DELETE FROM core_role_assignments", "DELETE FROM core_roles WHERE NOT locked", "DELETE FROM core_group_users", "UPDATE test_things SET created_by = NULL"} {
		if err := tx.Exec(statement).Error; err != nil {
			return err
		}
	}
	for i, g := range m.given {
		role := Role{Name: fmt.Sprint("random ", i), Permissions: g.permissions}
		if err := SaveRole(tx, &role); err != nil {
			return err
		}
		label, a := "test.thing", Assignment{RoleID: role.ID}
		if a.UserID = &g.user; g.user == 0 {
			a.UserID, a.GroupID = nil, &g.group
		}
		if g.domain != "" {
			a.DomainID = &g.domain
		}
		if g.object != "" {
			a.Model, a.ObjectID = &label, &g.object
		}
		if err := Assign(tx, a); err != nil {
			return err
		}
	}
	for user, teams := range m.member {
		for _, team := range teams {
			if err := tx.Create(&Membership{GroupID: team, UserID: user}).Error; err != nil {
				return err
			}
		}
	}
	for id, user := range m.creator {
		if err := tx.Exec("UPDATE test_things SET created_by = ? WHERE id = ?", user, id).Error; err != nil {
			return err
		}
	}
	return m.edit(tx)
}

// edit writes the policy as the REST API does.
func (m *rules) edit(tx *db.Tx) error {
	var statements []Statement
	for _, r := range m.rules {
		s := Statement{Action: r.actions, Principal: Texts{r.principal}, Effect: r.effect}
		for _, c := range r.conditions {
			s.Condition = append(s.Condition, c.text())
		}
		statements = append(statements, s)
	}
	text, err := json.Marshal(statements)
	if err != nil {
		return err
	}
	return tx.Exec("UPDATE core_access_policies SET statements = ?, customized = TRUE WHERE viewset_name = 'things'", string(text)).Error
}
