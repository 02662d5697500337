package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
)

// passwordFile is the file in the data folder that keeps a generated password where no terminal could show it.
const passwordFile = "admin-password"

// Admin is what a start did about the first superuser.
type Admin struct {
	// Created tells that this start made the user "admin".
	Created bool
	// Password is the generated one, to be shown on the terminal now or never; empty otherwise.
	Password config.Secret
	// File holds the password that was generated, now or at an earlier start; empty when there is no such file.
	File string
	// Weak is what the password rules say against the chosen password; nil when nothing.
	Weak error
}

// firstAdmin makes the user "admin" when there is no superuser at all: one who was deleted on purpose does not come back.
func (s Setup) firstAdmin(ctx context.Context, d *db.DB) (Admin, error) {
	users := auth.NewUsers(d, auth.NewHasher())
	all, err := users.ListUsers(ctx)
	if err != nil {
		return Admin{}, err
	}
	for _, u := range all {
		if u.IsSuperuser {
			return Admin{File: PasswordFile(s.Settings)}, nil
		}
	}
	if chosen := s.Settings.AdminPassword; !chosen.Empty() {
		created, err := users.EnsureAdminAsChosen(ctx, chosen.Reveal())
		if err != nil {
			return Admin{}, fmt.Errorf("make the first user from admin_password: %w", err)
		}
		return Admin{Created: created, Weak: auth.CheckPassword("password", chosen.Reveal(), &auth.User{Username: auth.AdminName})}, nil
	}
	return s.generateAdmin(ctx, users)
}

// generateAdmin makes up a password. Where no terminal shows it, it is in a file before the user exists, so that no
// crash leaves a user whose password nobody knows; and the file gets its name only if this process made the user.
func (s Setup) generateAdmin(ctx context.Context, users *auth.Users) (_ Admin, err error) {
	password := auth.GeneratePassword()
	if s.Terminal {
		created, err := users.EnsureAdmin(ctx, password)
		if err != nil || !created {
			return Admin{}, err
		}
		return Admin{Created: true, Password: config.NewSecret(password)}, nil
	}
	side, err := writeBeside(s.Settings.DataDir, password)
	if err != nil {
		return Admin{}, fmt.Errorf("keep the generated password of the first user in the data folder: %w", err)
	}
	defer func() {
		if gone := os.Remove(side); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	created, err := users.EnsureAdmin(ctx, password)
	if err != nil || !created {
		return Admin{}, err
	}
	if err := os.Rename(side, filepath.Join(s.Settings.DataDir, passwordFile)); err != nil {
		return Admin{}, fmt.Errorf("keep the generated password of the first user: %w", err)
	}
	return Admin{Created: true, File: PasswordFile(s.Settings)}, nil
}

func writeBeside(dir, password string) (path string, err error) {
	side, err := os.CreateTemp(dir, "."+passwordFile+"-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = side.WriteString(password + "\n")
	if err := errors.Join(err, side.Sync(), side.Close()); err != nil {
		return "", errors.Join(err, os.Remove(side.Name()))
	}
	return side.Name(), nil
}

// PasswordFile is the file with the password that was generated for the first user; empty when there is none.
func PasswordFile(s config.Settings) string {
	path := filepath.Join(s.DataDir, passwordFile)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}
