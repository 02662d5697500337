package auth

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"gorm.io/gorm"
)

// Users keeps the rows of core_users. It is safe for concurrent use.
type Users struct {
	db     *db.DB
	hasher *Hasher
	now    func() time.Time
}

// NewUsers makes the store of users; both arguments are required.
func NewUsers(d *db.DB, h *Hasher) *Users {
	if d == nil || h == nil {
		panic("auth.NewUsers needs a database and a hasher")
	}
	return &Users{db: d, hasher: h, now: time.Now}
}

// CreateUser stores a new user and gives it back with its number and the date of joining. The password is checked by
// CheckPassword and hashed; "" makes a user whom no password logs in. IsActive is taken as given. Faults, a name that
// is taken among them, are Invalid errors by field.
func (u *Users) CreateUser(ctx context.Context, user User, password string) (*User, error) {
	if err := checkUser(&user); err != nil {
		return nil, err
	}
	if user.IsServiceAccount && password != "" {
		return nil, noPassword()
	}
	encoded := ""
	if password != "" {
		var err error
		if encoded, err = u.hash(ctx, password, &user); err != nil {
			return nil, err
		}
	}
	return u.insert(ctx, user, encoded)
}

// insert stores a new user whose attributes are checked and whose password is hashed.
func (u *Users) insert(ctx context.Context, user User, encoded string) (*User, error) {
	user.ID, user.Password, user.LastLogin = 0, encoded, nil
	user.DateJoined = stamp(u.now())
	var made User
	err := u.db.InTx(ctx, func(tx *db.Tx) error {
		// The work may be run again: each time begins with a row that has no number yet.
		made = user
		if err := tx.Create(&made).Error; err != nil {
			return err
		}
		audit.From(ctx).Object(ident.PRN("auth.user", strconv.FormatInt(made.ID, 10)))
		return nil
	})
	if _, taken := db.Duplicate(err); taken {
		return nil, errs.Field("username", "A user with that username already exists; choose another name.")
	}
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", user, err)
	}
	return &made, nil
}

// SetPassword gives the user of that number a new password, checked by CheckPassword. The sessions of the old one
// are over with it. A missing user is NotFound; a user who cannot have a password is Invalid, see User.Origin.
func (u *Users) SetPassword(ctx context.Context, id int64, password string) error {
	user, err := u.User(ctx, id)
	if err != nil {
		return err
	}
	if err := user.mayHavePassword(); err != nil {
		return err
	}
	encoded, err := u.hash(ctx, password, user)
	if err != nil {
		return err
	}
	return u.storePassword(ctx, id, encoded)
}

// DisablePassword leaves the user of that number without a password: none logs it in until SetPassword.
func (u *Users) DisablePassword(ctx context.Context, id int64) error {
	return u.storePassword(ctx, id, "")
}

// User gives the user of a number; a missing one is NotFound.
func (u *Users) User(ctx context.Context, id int64) (*User, error) {
	return one(u.db.Read(ctx).Where("id = ?", id))
}

// FindUser gives the user of a name, which is compared exactly; a missing one is NotFound.
func (u *Users) FindUser(ctx context.Context, name string) (*User, error) {
	// What no user can be called need not reach the database, which fails on some of it.
	if usernameFault(name) != "" {
		return nil, noUser()
	}
	return one(u.db.Read(ctx).Where("username = ?", name))
}

// ListUsers gives all users in the order of their numbers.
func (u *Users) ListUsers(ctx context.Context) ([]User, error) {
	var all []User
	if err := u.db.Read(ctx).Order("id").Find(&all).Error; err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return all, nil
}

// DeleteUser removes the user of that number and its sessions; a missing user is NotFound.
func (u *Users) DeleteUser(ctx context.Context, id int64) error {
	err := u.db.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.Where("user_id = ?", id).Delete(&Session{}).Error; err != nil {
			return err
		}
		if err := Changed(tx); err != nil {
			return err
		}
		user, err := one(tx.Where("id = ?", id))
		if err == nil {
			err = KeepSuperuser(tx.DB, user)
		}
		if err != nil {
			return err
		}
		return hit(tx.Where("id = ?", id).Delete(&User{}))
	})
	if err != nil {
		return fmt.Errorf("delete user %d: %w", id, err)
	}
	return nil
}

// hash does its slow work before any transaction is begun: on SQLite there is only one writer.
func (u *Users) hash(ctx context.Context, password string, user *User) (string, error) {
	if err := CheckPassword("password", password, user); err != nil {
		return "", err
	}
	return u.hasher.Hash(ctx, password)
}

func (u *Users) storePassword(ctx context.Context, id int64, encoded string) error {
	err := u.db.InTx(ctx, func(tx *db.Tx) error {
		return hit(tx.Model(&User{}).Where("id = ?", id).Update("password", encoded))
	})
	if err != nil {
		return fmt.Errorf("set the password of user %d: %w", id, err)
	}
	return nil
}

// one reads by Find and not by Take: a name that is not there is no event for the database's log.
func one(query *gorm.DB) (*User, error) {
	var found []struct {
		User       `gorm:"embedded"`
		AccessMark int64
	}
	query = query.Table("core_users").Select("core_users.*, (SELECT mark FROM core_access_mark WHERE id = 1) AS access_mark")
	if err := query.Limit(1).Find(&found).Error; err != nil {
		return nil, fmt.Errorf("read a user: %w", err)
	}
	if len(found) == 0 {
		return nil, noUser()
	}
	user := found[0].User
	user.Mark = found[0].AccessMark
	return &user, nil
}

// hit makes a statement that found no user an error.
func hit(done *gorm.DB) error {
	if done.Error == nil && done.RowsAffected == 0 {
		return noUser()
	}
	return done.Error
}

// mayHavePassword refuses service accounts, and people whom a directory or a provider vouches for: with a password here
// they could log in after they were removed there.
func (u *User) mayHavePassword() error {
	if u.IsServiceAccount {
		return noPassword()
	}
	if u.Origin != "" {
		return errs.Field("password", "%s comes from %s and logs in there; a password here would work on after the person was removed there.", u.Username, u.Origin)
	}
	return nil
}

func noPassword() error {
	return errs.Field("password", "A service account has no password; make a token for it.")
}

func noUser() error {
	return errs.New(errs.NotFound, "There is no such user; look at the list of users.")
}

// stamp is the form in which both databases keep a time: UTC, to the microsecond.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
