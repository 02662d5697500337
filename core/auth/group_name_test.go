package auth

import (
	"errors"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// TestGroupNamesThatMeanSomething: whoever may make groups gets none of the power that somebody meant for a group.
func TestGroupNamesThatMeanSomething(t *testing.T) {
	onBoth(t, func(t *testing.T, f *access) {
		inSettings := &Policy{Name: "things", Statements: []Statement{
			{Action: Texts{"list"}, Principal: Texts{"id:1", "group:setters"}, Effect: Allow}, {Action: Texts{"list"}, Principal: Texts{"group:banned"}, Effect: Deny}}}
		broken := error(nil)
		d, err := NewDecider(Options{DB: f.db, Declared: declared(), Overrides: map[string]*Policy{"things": inSettings},
			GroupNames: func() (map[string]bool, error) { return map[string]bool{"mapped": true}, broken }})
		if err != nil {
			t.Fatal(err)
		}
		f.write(t, func(tx *db.Tx) error {
			return tx.Exec(`UPDATE core_access_policies SET customized = TRUE, statements = '[{"action":"list","principal":["admin","group:edited"],"effect":"allow"}]',
				creation_hooks = '[{"function":"add_roles_for_groups","parameters":{"roles":"test.thing_owner","groups":["hooked"]}}]' WHERE viewset_name = 'things'`).Error
		})
		ann := f.person(t, "ann")
		root, limited := *ann, *ann
		root.IsSuperuser, limited.IsSuperuser, limited.Scope = true, true, &Scope{Permissions: []string{"*.*"}}
		for name, free := range map[string]bool{
			"setters": false, "banned": false, "mapped": false, "edited": false, "hooked": false,
			"Setters": true, "group:setters": true, "ann": true, "admin": true, "authenticated": true,
		} {
			for who, user := range map[string]*User{"ann": ann, "nobody": nil, "a superuser's token": &limited} {
				if err := d.CheckGroupName(t.Context(), user, name); free != (err == nil) || !free && !errs.Is(err, errs.Invalid) {
					t.Errorf("%s names a group %q: %v", who, name, err)
				}
			}
			if err := d.CheckGroupName(t.Context(), &root, name); err != nil {
				t.Errorf("a superuser names a group %q: %v", name, err)
			}
		}
		broken = errors.New("unreadable")
		if err := d.CheckGroupName(t.Context(), ann, "ann"); !errors.Is(err, broken) {
			t.Errorf("with settings that cannot be read: %v", err)
		}
	})
}
