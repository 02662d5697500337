package federation

import (
	"context"
	"errors"
	"fmt"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// update brings a user up to date. When nothing is different it writes nothing, for on SQLite there is one writer.
func (a *Accounts) update(ctx context.Context, s Source, p Profile, user *auth.User) (*auth.User, error) {
	if err := mayLogIn(user); err != nil {
		return nil, err
	}
	columns, err := changed(user, p)
	if err != nil {
		return nil, err
	}
	want := wanted(s, p)
	have, err := managed(a.db.Read(ctx), s, user.ID)
	if err != nil {
		return nil, err
	}
	if len(columns) == 0 && same(want, have) {
		return user, nil
	}
	err = a.db.InTx(ctx, func(tx *db.Tx) error {
		if len(columns) > 0 {
			if err := tx.Model(&auth.User{}).Where("id = ?", user.ID).Updates(columns).Error; err != nil {
				return err
			}
		}
		have, err := managed(tx.DB, s, user.ID)
		if err != nil {
			return err
		}
		return join(tx, user.ID, want, have)
	})
	if err != nil {
		return nil, fmt.Errorf("update %s from %s: %w", user, s.Origin, err)
	}
	noted(ctx, s, user)
	return a.users.User(ctx, user.ID)
}

// changed gives the columns that differ. The user name stays: others know the user by it.
func changed(user *auth.User, p Profile) (map[string]any, error) {
	next := auth.User{Username: user.Username, FirstName: p.FirstName, LastName: p.LastName, Email: p.Email, IsSuperuser: user.IsSuperuser}
	if p.Superuser != nil {
		next.IsSuperuser = *p.Superuser
	}
	if err := storable(&next); err != nil {
		return nil, err
	}
	columns := map[string]any{}
	for _, c := range []struct {
		name      string
		old, next any
	}{
		{"first_name", user.FirstName, next.FirstName}, {"last_name", user.LastName, next.LastName},
		{"email", user.Email, next.Email}, {"is_superuser", user.IsSuperuser, next.IsSuperuser},
	} {
		if c.old != c.next {
			columns[c.name] = c.next
		}
	}
	return columns, nil
}

// storable empties what of names and address cannot be stored: nobody is kept out for a strange address. Only the user
// name must be good.
func storable(user *auth.User) error {
	fault, ok := errors.AsType[*errs.Error](auth.CheckUser(user))
	if !ok {
		return nil
	}
	if why, bad := fault.Fields["username"]; bad {
		return errs.New(errs.Forbidden, "The user name cannot be used here (%v); ask the administrator.", why)
	}
	for field, value := range map[string]*string{"first_name": &user.FirstName, "last_name": &user.LastName, "email": &user.Email} {
		if _, bad := fault.Fields[field]; bad {
			*value = ""
		}
	}
	return nil
}
