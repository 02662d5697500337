package auth

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// Visible says which objects of a model a user has a permission on, in a form that a list can be limited by.
type Visible struct {
	// All: every object of the domain; the other members then mean nothing.
	All bool
	// Roles are the identities of roles; the objects are those on which UserID or one of Groups has one of them.
	Roles  []string
	UserID int64
	Groups []int64
	// Owned, when set, adds the objects that the user created.
	Owned *Ownership
	// Limits are what authorizers leave: an object must be in each of them.
	Limits []RoleLimit
	// Only, when not nil, are the identities that a token is limited to.
	Only []string
}

// RoleLimit stands for the objects on which the user, or one of his groups, has one of the roles.
type RoleLimit struct {
	Roles []string
	// Owned, when set, adds the objects that the user created.
	Owned *Ownership
}

// None tells that there is no such object at all.
func (v Visible) None() bool { return !v.All && len(v.Roles) == 0 && v.Owned == nil }

// Visible gives the objects of a model in a domain on which the user has a permission. An anonymous user has none.
func (d *Decider) Visible(ctx context.Context, user *User, permission, model, domain string) (Visible, error) {
	if user == nil || !user.IsActive || !d.inScope(user, permission, domain) {
		return Visible{}, nil
	}
	v := Visible{UserID: user.ID, Only: user.Scope.only(model)}
	if user.IsSuperuser {
		v.All = true
		return v, d.limit(ctx, user, model, domain, &v)
	}
	g, _, err := d.grantsOf(ctx, user, Object{})
	if err != nil {
		return Visible{}, err
	}
	if g.everywhere(permission, d.within(permission, domain), true, true) {
		v.All = true
		return v, d.limit(ctx, user, model, domain, &v)
	}
	b, err := d.bookAt(ctx, g.mark)
	if err != nil {
		return Visible{}, err
	}
	v.Roles, v.Groups = b.granting[permission], g.groupIDs()
	if own, ok := d.declared.owns[model]; ok && grantsOne(b.creatorRoles(own.Policy), permission) {
		v.Owned = &own
	}
	return v, d.limit(ctx, user, model, domain, &v)
}

// limit lets the authorizers take from what the user sees.
func (d *Decider) limit(ctx context.Context, user *User, model, domain string, v *Visible) error {
	for _, a := range d.authorizers {
		l, ok := a.Authorizer.(Limiter)
		if !ok {
			continue
		}
		limit, err := l.Limit(ctx, d, Question{User: user, Action: "list", Model: model, Domain: domain})
		if err != nil {
			return errors.Join(errs.New(errs.Forbidden, "You may not see this; the authorizer %q has not agreed.", a.Name), err)
		}
		if limit.All {
			continue
		}
		roles, err := d.roleLimit(ctx, user, model, limit.Roles)
		if err != nil {
			return err
		}
		v.Limits = append(v.Limits, roles)
	}
	if len(v.Limits) == 0 {
		return nil
	}
	g, _, err := d.grantsOf(ctx, user, Object{})
	if err == nil {
		v.Groups = g.groupIDs()
	}
	return err
}

// roleLimit finds the roles of an authorizer's limit, creators' among them.
func (d *Decider) roleLimit(ctx context.Context, user *User, model string, names []string) (RoleLimit, error) {
	b, err := d.present(ctx, user)
	if err != nil {
		return RoleLimit{}, err
	}
	limit := RoleLimit{Roles: []string{}}
	own, owned := d.declared.owns[model]
	for _, name := range names {
		r := b.byName[name]
		if r == nil {
			continue
		}
		limit.Roles = append(limit.Roles, r.ID)
		if owned && slices.Contains(b.creatorRoles(own.Policy), r) {
			limit.Owned = &own
		}
	}
	return limit, nil
}

// Scoped tells whether the policy of an endpoint limits what is seen there.
func (d *Decider) Scoped(ctx context.Context, user *User, policy string) (bool, error) {
	b, err := d.present(ctx, user)
	if err != nil {
		return true, err
	}
	p := b.policies[policy]
	return p == nil || p.Scoping != nil, nil
}

// Hooks are the creation hooks of a policy as they count in a transaction.
func (d *Decider) Hooks(tx *gorm.DB, policy string) ([]Hook, error) {
	mark, err := readMark(tx)
	if err != nil {
		return nil, err
	}
	b := d.remembered(mark)
	if b == nil {
		if b, err = readBook(tx, mark, d.declared, d.overrides); err != nil {
			return nil, err
		}
	}
	if b.policies[policy] == nil {
		return nil, nil
	}
	return slices.Clone(b.policies[policy].Hooks), nil
}
