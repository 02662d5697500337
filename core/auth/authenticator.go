package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"golang.org/x/sync/singleflight"
)

// MaxRemember is the longest time that a verified credential may be remembered.
const MaxRemember = 60 * time.Second

// Authenticator checks user names and passwords. A right pair is remembered in this process for a short time, so that
// only the first of a row of requests pays for the slow hash; everything else about the user is read anew each time.
// It is safe for concurrent use.
type Authenticator struct {
	users    *Users
	verified *verified
	// dummy is what the password of an unknown user is checked against.
	dummy  string
	flight singleflight.Group
}

// NewAuthenticator makes an Authenticator over the users. A credential is remembered for the time given; 0 remembers
// nothing, a negative time or one above MaxRemember is an error.
func NewAuthenticator(users *Users, remember time.Duration) (*Authenticator, error) {
	if remember < 0 || remember > MaxRemember {
		return nil, errs.New(errs.Invalid, "verified passwords cannot be remembered for %s; set a time from 0s to %s", remember, MaxRemember)
	}
	return &Authenticator{users: users, verified: newVerified(remember, users.now), dummy: users.hasher.dummy()}, nil
}

// Basic gives the user of a name and password. Unknown users, users without password, deactivated users and wrong
// passwords are refused with one and the same Unauthenticated error, after the same work.
func (a *Authenticator) Basic(ctx context.Context, username, password string) (*User, error) {
	user, err := a.users.FindUser(ctx, username)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return nil, err
	}
	right, err := a.check(ctx, user, username, password)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, refused()
	}
	return user, nil
}

// check lets nobody in whom nothing could let in: it then checks against the dummy, for the same work.
func (a *Authenticator) check(ctx context.Context, user *User, username, password string) (bool, error) {
	if user == nil || !user.IsActive || user.Password == "" {
		// The name is part of the digest, or one flight would answer for many unknown users and tell them apart by its speed.
		_, err := a.verify(ctx, a.verified.digest(0, username, password), a.dummy, password)
		return false, err
	}
	id := a.verified.digest(user.ID, user.Password, password)
	if a.verified.has(id) {
		return true, nil
	}
	start := a.users.now()
	right, err := a.verify(ctx, id, user.Password, password)
	if err != nil {
		return false, fmt.Errorf("check the password of %s: %w", user, err)
	}
	if right {
		a.verified.add(id, start)
	}
	return right, nil
}

// verify computes once for all who ask for the same credential at the same time. When the one who computes leaves,
// somebody who still waits takes over.
func (a *Authenticator) verify(ctx context.Context, id digest, encoded, password string) (bool, error) {
	for {
		done := a.flight.DoChan(string(id[:]), func() (any, error) { return a.users.hasher.Verify(ctx, encoded, password) })
		select {
		case <-ctx.Done():
			return false, gaveUp(ctx)
		case r := <-done:
			left := errs.Is(r.Err, errs.Canceled) || errs.Is(r.Err, errs.Unavailable)
			if left && ctx.Err() == nil {
				continue
			}
			right, _ := r.Val.(bool)
			return right, r.Err
		}
	}
}
