package auth

import (
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/testkit"
)

// TestADomainsTokenReachesNothingBeyondIt: a token that is limited to domains is no key to groups, to the audit log or to
// other domains, whoever it belongs to and whatever domain stands in the path.
func TestADomainsTokenReachesNothingBeyondIt(t *testing.T) {
	t.Parallel()
	f := newAccess(t, testkit.SQLite(t))
	ann := f.person(t, "ann")
	f.give(t, Assignment{UserID: &ann.ID}, Object{}, "test.view_shared", "test.view_thing")
	f.write(t, func(tx *db.Tx) error {
		return tx.Exec(`UPDATE core_access_policies SET customized = TRUE, statements = '[{"action":"shared","principal":"authenticated","effect":"allow","condition":"has_model_or_obj_perms:test.view_shared"},{"action":"thing","principal":"authenticated","effect":"allow","condition":"has_model_or_domain_or_obj_perms:test.view_thing"}]' WHERE viewset_name = 'things'`).Error
	})
	ann = f.again(t, ann)
	root := &User{ID: 99, Username: "root", IsActive: true, IsSuperuser: true, Mark: ann.Mark}
	for _, user := range []*User{ann, root} {
		for _, limited := range []bool{true, false} {
			user.Scope = &Scope{Permissions: []string{"*.*"}}
			if limited {
				user.Scope.Domains = []string{otherDomain}
			}
			for name, global := range map[string]bool{"shared": true, "thing": false} {
				permission, want := "test.view_"+name, !global || !limited
				label := "test." + name
				ok, err := f.decider.Holds(t.Context(), user, permission, Object{label, things[1]}, otherDomain)
				seen, err2 := f.decider.Visible(t.Context(), user, permission, label, otherDomain)
				_, denied := f.decider.Decide(t.Context(), Question{User: user, Policy: "things", Action: name, Model: label, Object: Object{label, things[1]}, Domain: otherDomain})
				_, byRule := f.decider.Decide(t.Context(), Question{User: user, Rule: Permission(permission), Model: label, Domain: otherDomain})
				if err != nil || err2 != nil || ok != want || seen.All != want || (denied == nil) != want || (byRule == nil) != want {
					t.Errorf("%s, limited %v, %s: held %v, seen %v, decided %v, by rule %v (%v, %v)", user, limited, permission, ok, seen.All, denied, byRule, err, err2)
				}
			}
		}
	}
}
