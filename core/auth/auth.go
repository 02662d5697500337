// Package auth says who is asking and whether they may.
//
// Who: an Authenticator checks user name and password, Sessions keep the log-in of a browser, Users are the rows that
// both look at. The user's row is read on every request, never remembered, so that what another process changed
// (a new password, a deactivated or deleted user) counts from the next request on.
//
// Whether: every route declares a Rule, and Decider.Decide is the one function that says yes. Whatever is left out, a
// rule, a user, a source of grants, means no.
package auth

import "github.com/packhouse/packhouse/core/errs"

// refused is the one answer to every failed log-in. It does not tell an unknown user from a wrong password or from
// a deactivated user.
func refused() error {
	return errs.New(errs.Unauthenticated, "Invalid username/password; check both and try again.")
}

// sessionOver is the one answer to every session that does not count any more.
func sessionOver() error {
	return errs.New(errs.Unauthenticated, "The session has ended; log in again.")
}
