package auth

import (
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/testkit"
)

// TestATokenDoesNotEscapeADenial: what a token is limited to narrows what is allowed, never what is denied.
func TestATokenDoesNotEscapeADenial(t *testing.T) {
	t.Parallel()
	f := newAccess(t, testkit.SQLite(t))
	ann := f.person(t, "ann")
	f.give(t, Assignment{UserID: &ann.ID}, Object{}, "test.change_thing")
	f.write(t, func(tx *db.Tx) error {
		return tx.Exec(`UPDATE core_access_policies SET customized = TRUE, statements = '[{"action":"list","principal":"authenticated","effect":"allow"},{"action":"list","principal":"authenticated","effect":"deny","condition":"has_model_perms:test.change_thing"},{"action":"go","principal":"admin","effect":"allow"},{"action":"list","principal":"admin","effect":"deny"}]' WHERE viewset_name = 'things'`).Error
	})
	ann = f.again(t, ann)
	root := &User{ID: 99, Username: "root", IsActive: true, IsSuperuser: true, Mark: ann.Mark}
	for _, scope := range []*Scope{nil, {Permissions: []string{"test.view_*"}}, {}} {
		for _, user := range []*User{ann, root} {
			user.Scope = scope
			if _, err := f.decider.Decide(t.Context(), Question{User: user, Policy: "things", Action: "list"}); err == nil {
				t.Errorf("%s with %+v escapes the denial", user, scope)
			}
		}
		if _, err := f.decider.Decide(t.Context(), Question{User: root, Policy: "things", Action: "go"}); (err == nil) != (scope == nil) {
			t.Errorf("an administrator's token with %+v: %v", scope, err)
		}
	}
}

// TestADomainsRoleGivesNothingBeyondIt: what belongs to no domain is not given by a role in one.
func TestADomainsRoleGivesNothingBeyondIt(t *testing.T) {
	t.Parallel()
	f := newAccess(t, testkit.SQLite(t))
	ann, other := f.person(t, "ann"), otherDomain
	f.give(t, Assignment{UserID: &ann.ID, DomainID: &other}, Object{}, "test.view_shared", "test.view_thing")
	ann = f.again(t, ann)
	for permission, want := range map[string]bool{"test.view_shared": false, "test.view_thing": true} {
		label, _ := f.decider.declared.ModelOf(permission)
		ok, err := f.decider.Holds(t.Context(), ann, permission, Object{label, things[0]}, otherDomain)
		seen, err2 := f.decider.Visible(t.Context(), ann, permission, label, otherDomain)
		if err != nil || err2 != nil || ok != want || seen.All != want {
			t.Errorf("%s: held %v, all seen %v, want %v (%v, %v)", permission, ok, seen.All, want, err, err2)
		}
	}
}
