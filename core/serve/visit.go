package serve

import (
	"context"
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
)

// Request is what guards may look at of a request.
type Request struct {
	// Credentials are what the request brings along.
	auth.Credentials
	// Prefix is what content is served under, with a slash at both ends.
	Prefix string
	// Path is the decoded path below the prefix, of which the looked up one is the end: with domains, it begins with theirs.
	Path string
	// Query is the query as it was sent.
	Query string
	// Identify finds out who asks, as the API does; nil: nobody can tell.
	Identify auth.Identify
	// Proxies are those whose word about a client's certificate is taken.
	Proxies auth.Proxies
}

// Holder knows the permissions of users.
type Holder interface {
	// Holds tells whether a user has a permission on an object, in its domain (an identity) or everywhere.
	Holds(ctx context.Context, user *auth.User, permission string, o auth.Object, domain string) (bool, error)
}

// Visit is a request that a guard decides about.
type Visit struct {
	*Request
	holder Holder
	key    []byte
	who    func() (*auth.User, error)
}

// Holds tells whether the one who asks has a permission. Credentials that do not count are none: then it is nobody, who
// has no permission.
func (v *Visit) Holds(ctx context.Context, permission string, o auth.Object, domain string) (bool, error) {
	if v.holder == nil {
		return false, errs.New(errs.Unavailable, "permissions cannot be looked up here; try again later")
	}
	user, err := v.who()
	if err != nil || user == nil || !user.IsActive {
		return false, err
	}
	return v.holder.Holds(ctx, user, permission, o, domain)
}

// Key signs addresses that let their holder in; empty where there is none.
func (v *Visit) Key() []byte { return v.key }

// URLPath is the whole path in the one form in which addresses are signed.
func (v *Visit) URLPath() string { return v.Prefix + Escaped(v.Path) }

// Escaped writes a decoded path for a URL, segment by segment.
func Escaped(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	return strings.Join(segments, "/")
}

// identify finds out who asks, when a guard wants to know. Faults of ours are errors, wrong credentials are not.
func identify(ctx context.Context, q *Request) (*auth.User, error) {
	if q.Identify == nil {
		return nil, nil
	}
	user, err := q.Identify(ctx, q.Credentials)
	if errs.Is(err, errs.Unauthenticated) || errs.Is(err, errs.Forbidden) {
		return nil, nil
	}
	return user, err
}
