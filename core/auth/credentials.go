package auth

import (
	"context"
	"net/netip"
)

// Credentials is what a request brings along to prove who sends it, whatever server took it.
type Credentials interface {
	// Header gives all values of a header, one for each line, in their order; the name is compared without case.
	Header(name string) []string
	// Cookie gives the value of a cookie, "" when there is none.
	Cookie(name string) string
	// Method is the HTTP method.
	Method() string
	// Peer is the address at the other end of the connection: the client's or a proxy's.
	Peer() netip.Addr
}

// Identify finds out who sends a request. Nil without an error is nobody: there were no credentials. Credentials that
// do not count are an Unauthenticated error, those of a session without its token Forbidden.
type Identify func(ctx context.Context, r Credentials) (*User, error)

// PasswordBackend knows names and passwords that are kept elsewhere, such as in a directory. NotFound means that the name
// is none of its own, so the next one is asked; any other error ends the log-in.
type PasswordBackend interface {
	Authenticate(ctx context.Context, name, password string) (*User, error)
}

// single gives the one value of a header. Two lines of a header that proves something are a contradiction: ok is false.
func single(r Credentials, name string) (value string, ok bool) {
	values := r.Header(name)
	switch len(values) {
	case 0:
		return "", true
	case 1:
		return values[0], true
	}
	return "", false
}
