package auth

import (
	"fmt"
	"log/slog"
	"time"
)

// User is a person or a machine that may log in, one row of core_users. It prints as name and number: the password
// hash stays out of logs and answers.
type User struct {
	ID       int64 `gorm:"primaryKey"`
	Username string
	// Password is the encoded hash, never the password; "" means that no password logs this user in.
	Password  string `json:"-"`
	FirstName string
	LastName  string
	Email     string
	IsStaff   bool
	// IsActive is false for a user who is kept but refused everywhere.
	IsActive bool
	// IsSuperuser passes every permission.
	IsSuperuser bool
	DateJoined  time.Time
	// LastLogin is the time of the last Login; nil before the first.
	LastLogin *time.Time
}

// TableName is the table of the rows.
func (User) TableName() string { return "core_users" }

// String gives name and number.
func (u User) String() string { return fmt.Sprintf("user %s (%d)", u.Username, u.ID) }

// Format prints String for every verb.
func (u User) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(u.String())) }

// LogValue shows name and number to log handlers.
func (u User) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("id", u.ID), slog.String("username", u.Username))
}

var (
	_ fmt.Formatter  = User{}
	_ slog.LogValuer = User{}
)
