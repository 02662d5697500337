package auth

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// Effective is the policy of a row as it counts: edited over settings over declared.
func (d *Decider) Effective(row *PolicyRow) (*Policy, error) {
	return effective(row.ViewsetName, d.declared, d.overrides, row)
}

// PoliciesGiving are the names of the policies whose creation hooks give a role, in order.
func (d *Decider) PoliciesGiving(ctx context.Context, role string) ([]string, error) {
	b, err := d.present(ctx, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, p := range b.policies {
		if slices.ContainsFunc(p.Hooks, func(h Hook) bool { return slices.Contains(hookTexts(h, "roles"), role) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// CheckHooks makes sure that the roles, users and groups that creation hooks name are there. Faults are Invalid under
// "creation_hooks".
func CheckHooks(tx *gorm.DB, hooks []Hook) error {
	for _, h := range hooks {
		for _, name := range hookTexts(h, "roles") {
			if _, err := FindRole(tx, name); errs.Is(err, errs.Invalid) {
				return errs.Field("creation_hooks", "There is no role %q; look at the list of roles.", name)
			} else if err != nil {
				return err
			}
		}
		if _, err := principals(tx, h, nil); errs.Is(err, errs.Invalid) {
			return errs.Field("creation_hooks", "%s", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// Assignable tells whether a role gives anything where it is to be given: on objects of a model, in a domain when model is
// "" and inDomain is set, or everywhere.
func (d *Declared) Assignable(r *Role, model string, inDomain bool) bool {
	return slices.ContainsFunc(r.Permissions, func(permission string) bool {
		about, known := d.models[permission]
		switch {
		case model != "":
			return known && about == model
		case inDomain:
			return known && !d.global[about]
		}
		return true
	})
}

// Of are the permissions that are about a model, in order.
func (d *Declared) Of(model string) []string {
	var names []string
	for _, name := range d.Permissions() {
		if d.models[name] == model {
			names = append(names, name)
		}
	}
	return names
}
