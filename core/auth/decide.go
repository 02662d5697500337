package auth

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/errs"
)

// Granter knows which permissions users have: through roles, groups or an authorizer outside. An error denies.
type Granter interface {
	// Grants tells whether the user has the permission on the object (its PRN, "" for none in particular) or in the
	// domain ("" for none in particular).
	Grants(ctx context.Context, user *User, permission, object, domain string) (bool, error)
}

// Question is one request for access. Its zero value is denied.
type Question struct {
	// User is who asks, nil for an anonymous one.
	User *User
	Rule Rule
	// Object is the PRN of the very object that will be shown or changed, "" when there is none.
	Object string
	// Domain is the name of the domain that the request is about.
	Domain string
}

// Decider answers Questions. It is the only place in Packhouse that grants access; the zero Decider knows no
// permission of anybody.
type Decider struct {
	granter Granter
}

// NewDecider makes a Decider; with a nil Granter only superusers pass a permission.
func NewDecider(g Granter) *Decider { return &Decider{granter: g} }

// Decide gives nil when access is granted. Otherwise it is Unauthenticated for an anonymous one, who may try again
// with credentials, and Forbidden for a user. An error of the Granter is passed on and denies.
func (d *Decider) Decide(ctx context.Context, q Question) error {
	if q.Rule == Anyone {
		return nil
	}
	if q.User == nil {
		return errs.New(errs.Unauthenticated, "Authentication credentials were not provided; log in or send them with the request.")
	}
	ok, err := d.allows(ctx, q)
	if err != nil {
		return fmt.Errorf("decide on %q for %s: %w", q.Rule, q.User, err)
	}
	if !ok {
		return errs.New(errs.Forbidden, "You do not have permission to perform this action; ask an administrator for it.")
	}
	return nil
}

func (d *Decider) allows(ctx context.Context, q Question) (bool, error) {
	// Who was deactivated after a task or a connection began is stopped here.
	if !q.User.IsActive {
		return false, nil
	}
	if q.Rule == Authenticated {
		return true, nil
	}
	permission, ok := q.Rule.Permission()
	if !ok {
		return false, nil
	}
	if q.User.IsSuperuser {
		return true, nil
	}
	if d.granter == nil {
		return false, nil
	}
	return d.granter.Grants(ctx, q.User, permission, q.Object, q.Domain)
}
