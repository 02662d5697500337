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
	// IsServiceAccount marks a machine: no password and no session logs it in, only tokens.
	IsServiceAccount bool
	// Origin says where the row comes from: "" for users made here, "ldap", "oidc:<provider>", "remote" or "json".
	Origin string

	// Mark is the state of roles and policies that the row was read with, see Changed; it is no column.
	Mark int64 `gorm:"-" json:"-"`
	// Via says how the user proved who it is in this request, such as "password", "session" or "token nightly"; it is no
	// column.
	Via string `gorm:"-" json:"-"`
	// Scope narrows what the user may do in this request, such as a token's; nil narrows nothing. It is no column.
	Scope *Scope `gorm:"-" json:"-"`
	// TokenID is the identity of the token that was used in this request, "" for none. It is no column.
	TokenID string `gorm:"-" json:"-"`
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
