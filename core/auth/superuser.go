package auth

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// EncodePassword checks a password that a user is to have and gives its hash. It is slow on purpose, so it belongs before
// any transaction. A service account has none.
func (u *Users) EncodePassword(ctx context.Context, password string, user *User) (string, error) {
	if user.IsServiceAccount {
		return "", noPassword()
	}
	return u.hash(ctx, password, user)
}

// KeepSuperuser refuses what would leave the installation without an active superuser: the user, as it is or was, is
// deleted or deactivated, or loses the right. It belongs after Changed, which lets one of two such changes wait for the
// other.
func KeepSuperuser(tx *gorm.DB, user *User) error {
	if !user.IsSuperuser || !user.IsActive {
		return nil
	}
	var others []User
	err := tx.Select("id").Where("is_superuser = ? AND is_active = ? AND is_service_account = ? AND id <> ?", true, true, false, user.ID).Limit(1).Find(&others).Error
	if err != nil {
		return fmt.Errorf("look for superusers: %w", err)
	}
	if len(others) == 0 {
		return errs.Together("This is the last active superuser; make another one first, with packhouse user set-superuser.")
	}
	return nil
}

// SetActive activates or deactivates the user of a number. The last active superuser stays active.
func (u *Users) SetActive(ctx context.Context, id int64, active bool) error {
	return u.alter(ctx, id, "is_active", active)
}

// SetSuperuser gives or takes the right to do everything. The last active superuser keeps it.
func (u *Users) SetSuperuser(ctx context.Context, id int64, super bool) error {
	return u.alter(ctx, id, "is_superuser", super)
}

func (u *Users) alter(ctx context.Context, id int64, column string, value bool) error {
	err := u.db.InTx(ctx, func(tx *db.Tx) error {
		if err := Changed(tx); err != nil {
			return err
		}
		user, err := one(tx.Where("id = ?", id))
		if err == nil && !value {
			err = KeepSuperuser(tx.DB, user)
		}
		if err != nil {
			return err
		}
		return hit(tx.Model(&User{}).Where("id = ?", id).Update(column, value))
	})
	if err != nil {
		return fmt.Errorf("change user %d: %w", id, err)
	}
	return nil
}
