package auth

import (
	"context"
	"fmt"
	"strconv"
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
	verified *Remembered[struct{}]
	throttle *Throttle
	backends []PasswordBackend
	// namesKept is set where others name people: then nobody renames himself.
	namesKept bool
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
	return &Authenticator{users: users, verified: NewRemembered[struct{}](remember, users.now), dummy: users.hasher.dummy(), throttle: &Throttle{}}, nil
}

// Use gives the Authenticator a Throttle, and backends that are asked in their order about users without a password of
// their own; with any, names are kept as by KeepNames. It must be called before the first log-in.
func (a *Authenticator) Use(t *Throttle, backends ...PasswordBackend) {
	a.throttle, a.backends, a.namesKept = t, backends, a.namesKept || len(backends) > 0
}

// KeepNames keeps users from renaming themselves, for installations where a proxy names them. It must be called before the
// first log-in.
func (a *Authenticator) KeepNames() { a.namesKept = true }

// Basic gives the user of a name and password. Unknown users, users without password, service accounts, deactivated users
// and wrong passwords are refused with one and the same Unauthenticated error, after the same work. Who failed too often
// gets TooMany, with a Throttled inside; the client's address for that is looked for in ctx, see WithClient.
func (a *Authenticator) Basic(ctx context.Context, username, password string) (*User, error) {
	user, err := a.users.FindUser(ctx, username)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return nil, err
	}
	if user.mayUsePassword() && a.verifiedBefore(user, password) {
		user.Via = "password"
		return user, nil
	}
	try := newAttempt(username, ClientFrom(ctx))
	before, err := a.throttle.standing(ctx, try)
	if err != nil {
		return nil, err
	}
	if before.pair > 0 {
		return nil, tooMany(before.pair)
	}
	found, err := a.prove(ctx, user, username, password)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, a.wrong(ctx, try, before)
	}
	if err := a.right(ctx, try); err != nil {
		return nil, err
	}
	return found, nil
}

// wrong counts a failure. Behind a wide lock-out the answer is the same for users who are exempt from it and others.
func (a *Authenticator) wrong(ctx context.Context, try attempt, before standing) error {
	if err := a.throttle.failed(ctx, try, before.wide > 0); err != nil {
		return err
	}
	if before.wide > 0 {
		return tooMany(before.wide)
	}
	return refused()
}

// right looks once more, for others may have failed while this one was checked: of many guesses that were sent at once,
// the right one must not get through behind the limit.
func (a *Authenticator) right(ctx context.Context, try attempt) error {
	now, err := a.throttle.standing(ctx, try)
	switch {
	case err != nil:
		return err
	case now.pair > 0:
		return tooMany(now.pair)
	case now.wide > 0 && now.seen == nil:
		return tooMany(now.wide)
	}
	return a.throttle.succeeded(ctx, try, now)
}

// prove gives the user whom the password proves, nil when it proves nobody.
func (a *Authenticator) prove(ctx context.Context, user *User, username, password string) (*User, error) {
	start := a.users.now()
	right, err := a.check(ctx, user, username, password)
	found := user
	if err == nil && !right && (user == nil || user.mayUsePassword() && user.Password == "") {
		found, err = a.askBackends(ctx, username, password)
		right = found.mayUsePassword()
	}
	if err != nil || !right {
		return nil, err
	}
	a.verified.Add(a.digest(found.ID, found.Password, password), struct{}{}, start)
	if found.Via == "" {
		found.Via = "password"
	}
	return found, nil
}

// digest stands for a user's password. The stored hash is part of it: when the password changes, what was remembered is not
// found any more.
func (a *Authenticator) digest(userID int64, stored, password string) Digest {
	return a.verified.Digest(strconv.FormatInt(userID, 10), stored, password)
}

// verifiedBefore tells whether the password was found right a short while ago.
func (a *Authenticator) verifiedBefore(user *User, password string) bool {
	_, ok := a.verified.Get(a.digest(user.ID, user.Password, password))
	return ok
}

// mayUsePassword tells whether any password can log the user in.
func (u *User) mayUsePassword() bool { return u != nil && u.IsActive && !u.IsServiceAccount }

// check lets nobody in whom nothing could let in: it then checks against the dummy, for the same work.
func (a *Authenticator) check(ctx context.Context, user *User, username, password string) (bool, error) {
	if !user.mayUsePassword() || user.Password == "" {
		// The name is part of the digest, or one flight would answer for many unknown users and tell them apart by its speed.
		_, err := a.verify(ctx, a.digest(0, username, password), a.dummy, password)
		return false, err
	}
	right, err := a.verify(ctx, a.digest(user.ID, user.Password, password), user.Password, password)
	if err != nil {
		return false, fmt.Errorf("check the password of %s: %w", user, err)
	}
	return right, nil
}

// askBackends asks those who keep users elsewhere, until one knows the name. Nil is nobody, or a wrong password.
func (a *Authenticator) askBackends(ctx context.Context, username, password string) (*User, error) {
	for _, backend := range a.backends {
		found, err := backend.Authenticate(ctx, username, password)
		switch {
		case errs.Is(err, errs.NotFound):
			continue
		case errs.Is(err, errs.Unauthenticated):
			return nil, nil
		}
		return found, err
	}
	return nil, nil
}

// verify computes once for all who ask for the same credential at the same time. When the one who computes leaves,
// somebody who still waits takes over.
func (a *Authenticator) verify(ctx context.Context, id Digest, encoded, password string) (bool, error) {
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
