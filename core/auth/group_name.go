package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// CheckGroupName refuses a new name of a group that already means something: one that settings or access policies
// mention. Its members would at once have what is meant for it, and whoever makes a group chooses its members. Only a
// superuser, with no limits of a token, may use such a name; for others it is Invalid under "name".
func (d *Decider) CheckGroupName(ctx context.Context, user *User, name string) error {
	if user != nil && user.IsSuperuser && user.Scope == nil {
		return nil
	}
	mentioned, err := d.mentions(ctx, name)
	if err != nil {
		return fmt.Errorf("find out whether the group name %q means something: %w", name, err)
	}
	if mentioned {
		return errs.Field("name", "Settings or access policies mention this name: only a superuser may give it to a group. Choose another one.")
	}
	return nil
}

func (d *Decider) mentions(ctx context.Context, name string) (bool, error) {
	if d.groupNames != nil {
		names, err := d.groupNames()
		if err != nil || names[name] {
			return true, err
		}
	}
	for _, p := range d.overrides { // a policy that was edited hides them, until somebody resets it
		if p.mentions(name) {
			return true, nil
		}
	}
	b, err := d.present(ctx, nil)
	if err != nil {
		return true, err
	}
	for _, p := range b.policies {
		if p.mentions(name) {
			return true, nil
		}
	}
	return false, nil
}

// mentions tells whether a statement is about the members of a group, or a hook gives them roles.
func (p *Policy) mentions(group string) bool {
	for _, s := range p.Statements {
		if slices.ContainsFunc(s.Principal, func(principal string) bool {
			name, ok := strings.CutPrefix(principal, "group:")
			return ok && name == group
		}) {
			return true
		}
	}
	return slices.ContainsFunc(p.Hooks, func(h Hook) bool { return slices.Contains(hookTexts(h, "groups"), group) })
}
