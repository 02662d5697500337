package auth

import (
	"context"

	"github.com/packhouse/packhouse/core/errs"
)

// AdminName is the name of the superuser that the first start makes.
const AdminName = "admin"

// EnsureAdmin makes the superuser "admin" with the password when no user has that name, and tells whether it did. A
// user who is there is left as it is: no start of a process changes a password. Of several processes that start at
// once one creates. The password is checked by CheckPassword, there is no default.
func (u *Users) EnsureAdmin(ctx context.Context, password string) (created bool, err error) {
	return u.ensureAdmin(ctx, password, func(admin *User) error { return CheckPassword("password", password, admin) })
}

// EnsureAdminAsChosen is EnsureAdmin for a password that the operator of this host wrote into the settings: the rules of
// CheckPassword do not hold it back, for the operator could change them. It must only be there and not be longer than
// hashing takes. Passwords that come over the network never take this way.
func (u *Users) EnsureAdminAsChosen(ctx context.Context, password string) (created bool, err error) {
	return u.ensureAdmin(ctx, password, func(*User) error {
		if password == "" || len(password) > maxPassword {
			return errs.Field("password", "The first password needs 1 to %d bytes; choose another one.", maxPassword)
		}
		return nil
	})
}

func (u *Users) ensureAdmin(ctx context.Context, password string, check func(*User) error) (created bool, err error) {
	if found, err := u.hasAdmin(ctx); found || err != nil {
		return false, err
	}
	admin := User{Username: AdminName, IsStaff: true, IsActive: true, IsSuperuser: true}
	if err := check(&admin); err != nil {
		return false, err
	}
	encoded, err := u.hasher.Hash(ctx, password)
	if err != nil {
		return false, err
	}
	_, failed := u.insert(ctx, admin, encoded)
	if failed == nil {
		return true, nil
	}
	// Another process may have been first: then the name is taken, and all is well.
	if found, err := u.hasAdmin(ctx); err == nil && found {
		return false, nil
	}
	return false, failed
}

func (u *Users) hasAdmin(ctx context.Context) (bool, error) {
	_, err := u.FindUser(ctx, AdminName)
	if errs.Is(err, errs.NotFound) {
		return false, nil
	}
	return err == nil, err
}
