package auth

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// OwnChange is what users change of themselves; nil leaves a member as it is.
type OwnChange struct {
	Username, FirstName, LastName, Email *string
	// OldPassword must be the present one where NewPassword is given.
	OldPassword, NewPassword *string
}

// ChangeOwn changes what a user may change of itself, all of it or nothing. Faults are Invalid errors by field. Where
// others know people by their names, nobody renames himself: the next one of that name would be taken for him. A wrong
// old password counts as a failed log-in, so a session that was taken over is no way to guess it.
func (a *Authenticator) ChangeOwn(ctx context.Context, user *User, change OwnChange) error {
	changed := *user
	for _, m := range []struct {
		given *string
		into  *string
	}{{change.Username, &changed.Username}, {change.FirstName, &changed.FirstName}, {change.LastName, &changed.LastName}, {change.Email, &changed.Email}} {
		if m.given != nil {
			*m.into = *m.given
		}
	}
	if changed.Username != user.Username && (user.Origin != "" || a.namesKept) {
		return errs.Field("username", "This name comes from where people are kept; ask an administrator to change it.")
	}
	if err := checkUser(&changed); err != nil {
		return err
	}
	columns := map[string]any{"username": changed.Username, "first_name": changed.FirstName, "last_name": changed.LastName, "email": changed.Email}
	if change.NewPassword != nil || change.OldPassword != nil {
		encoded, err := a.newPassword(ctx, user, &changed, change)
		if err != nil {
			return err
		}
		columns["password"] = encoded
	}
	err := a.users.db.InTx(ctx, func(tx *db.Tx) error {
		return hit(tx.Model(&User{}).Where("id = ? AND is_active = ?", user.ID, true).UpdateColumns(columns))
	})
	if _, taken := db.Duplicate(err); taken {
		return errs.Field("username", "A user with that username already exists; choose another name.")
	}
	if err != nil {
		return fmt.Errorf("change %s: %w", user, err)
	}
	return nil
}

// newPassword checks the old password and gives the hash of the new one.
func (a *Authenticator) newPassword(ctx context.Context, user, changed *User, change OwnChange) (string, error) {
	switch {
	case change.NewPassword == nil:
		return "", errs.Field("new_password", "Give the new password too, or leave out old_password.")
	case change.OldPassword == nil:
		return "", errs.Field("old_password", "The present password is needed to set a new one.")
	case user.Password == "":
		return "", errs.Field("old_password", "This account has no password of its own; ask an administrator.")
	}
	found, err := a.Basic(ctx, user.Username, *change.OldPassword)
	if errs.Is(err, errs.Unauthenticated) || err == nil && found.ID != user.ID {
		return "", errs.Field("old_password", "This is not the present password; try again.")
	}
	if err != nil {
		return "", err
	}
	if *change.OldPassword == *change.NewPassword {
		return "", errs.Field("new_password", "The new password must differ from the old one.")
	}
	if err := CheckPassword("new_password", *change.NewPassword, changed); err != nil {
		return "", err
	}
	return a.users.hasher.Hash(ctx, *change.NewPassword)
}
