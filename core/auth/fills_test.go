package auth

import (
	"context"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
)

// keeper agrees to all but changes of one repository.
type keeper string

func (k keeper) Allows(_ context.Context, _ View, q Question) (bool, string, error) {
	return q.Object.ID != string(k) || q.Action != "modify", "kept", nil
}

// TestAuthorizersHearOfTheRepositoryThatIsFilled: what is made for a repository changes it, so who may not modify the
// repository by its own endpoint may not do it by way of its content, whatever the policy was edited to.
func TestAuthorizersHearOfTheRepositoryThatIsFilled(t *testing.T) {
	t.Parallel()
	f := newAccess(t, testkit.SQLite(t))
	fill := Statement{Action: Texts{"create"}, Principal: Texts{PrincipalUsers}, Effect: Allow, Condition: Texts{uploadCondition + ":test.change_thing"}}
	f.decider.declared.Policy(&Policy{Name: "units", Statements: []Statement{fill, {Action: Texts{"look"}, Principal: Texts{PrincipalUsers}, Effect: Allow}}})
	f.write(t, func(tx *db.Tx) error { return syncPolicies(tx, f.decider.declared) })
	ann := f.person(t, "ann")
	f.give(t, Assignment{UserID: &ann.ID}, Object{}, "test.change_thing")
	for _, edited := range []bool{false, true} {
		if edited {
			f.write(t, func(tx *db.Tx) error {
				return tx.Exec(`UPDATE core_access_policies SET customized = TRUE, statements = '[{"action":"*","principal":"authenticated","effect":"allow"}]' WHERE viewset_name = 'units'`).Error
			})
		}
		d, err := NewDecider(Options{DB: f.db, Declared: f.decider.declared, Authorizers: []NamedAuthorizer{{Name: "keeper", Authorizer: keeper(things[0])}}})
		if err != nil {
			t.Fatal(err)
		}
		ann := f.again(t, ann)
		for repository, want := range map[string]errs.Kind{things[0]: errs.Forbidden, things[1]: ""} {
			q := Question{User: ann, Policy: "units", Action: "create", Model: "test.unit"}
			pending, err := d.Decide(t.Context(), q)
			if err != nil || !pending {
				t.Fatalf("edited %v: before the body is read it is %v, %v", edited, pending, err)
			}
			q.Payload = func(member string) (Object, bool) { return Object{"test.thing", repository}, member == "repository" }
			if pending, err = d.Decide(t.Context(), q); pending || errs.KindOf(err) != want {
				t.Errorf("edited %v, into %s: %v, %v, want kind %q", edited, repository, pending, err, want)
			}
		}
		if pending, err := d.Decide(t.Context(), Question{User: ann, Policy: "units", Action: "look"}); pending || err != nil {
			t.Errorf("what fills nothing waits: %v, %v", pending, err)
		}
	}
}
