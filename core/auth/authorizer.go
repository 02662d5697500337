package auth

import (
	"context"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// Authorizer is one more opinion on who may do what, after policies and roles said yes. Operators order instances of
// authorizers in the setting authorizers; every one of them has to agree. An error, and an answer that does not come in
// time, deny.
type Authorizer interface {
	// Allows tells whether the user of the question may, and if not, why.
	Allows(ctx context.Context, view View, q Question) (ok bool, reason string, err error)
}

// Limiter is an Authorizer that also limits what lists show.
type Limiter interface {
	// Limit says what of a model the user may see.
	Limit(ctx context.Context, view View, q Question) (Limit, error)
}

// Limit is what an authorizer leaves of a list. The zero Limit leaves nothing.
type Limit struct {
	// All leaves the list as it is.
	All bool
	// Roles leaves the objects on which the user, or a group of his, has one of these roles.
	Roles []string
}

// View is what an authorizer may look at.
type View interface {
	// Groups are the names of the groups that the user is in.
	Groups(ctx context.Context, user *User) ([]string, error)
	// HasRole tells whether the user, or a group of his, has a role on the very object.
	HasRole(ctx context.Context, user *User, role string, o Object) (bool, error)
}

// Restricting is an Authorizer whose settings name models by their labels. Each has to exist.
type Restricting interface {
	// Restricts are those labels.
	Restricts() []string
}

// NamedAuthorizer is an instance of an authorizer with the name that the operator gave it.
type NamedAuthorizer struct {
	Name string
	Authorizer
	// Timeout is how long it may think; 0 is two seconds.
	Timeout time.Duration
}

const authorizerTimeout = 2 * time.Second

// ask asks one authorizer in its time.
func (n NamedAuthorizer) ask(ctx context.Context, view View, q Question) (bool, string, error) {
	type answer struct {
		ok     bool
		reason string
		err    error
	}
	limit := n.Timeout
	if limit == 0 {
		limit = authorizerTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	said := make(chan answer, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				said <- answer{err: errs.New(errs.Internal, "it panicked: %v", cause)}
			}
		}()
		ok, reason, err := n.Allows(ctx, view, q)
		said <- answer{ok, reason, err}
	}()
	select {
	case a := <-said:
		return a.ok && a.err == nil, a.reason, a.err
	case <-ctx.Done():
		return false, "", errs.New(errs.Unavailable, "it did not answer within %s", limit)
	}
}
