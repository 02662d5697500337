package auth

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/packhouse/packhouse/core/model"
)

// Token is a credential for a program, one row of core_tokens. Its text is not kept.
type Token struct {
	ID     string `gorm:"primaryKey"`
	UserID int64
	Name   string
	// SecretHash is the SHA-256 of the text in hex.
	SecretHash string `json:"-"`
	// ScopeJSON is the scope as it is stored; see Scope.
	ScopeJSON model.JSON `gorm:"column:scope"`
	// ExpiresAt is the end of its life, nil when there is none.
	ExpiresAt *time.Time
	// LastUsedAt is exact to a minute; nil before the first use.
	LastUsedAt *time.Time
	// CreatedBy is the number of the user who made it, nil when that user is gone or it was made by command.
	CreatedBy *int64
	// ParentID is the token that it was made with; it goes when that one goes.
	ParentID        *string
	PulpCreated     time.Time
	PulpLastUpdated time.Time
}

// TableName is the table of the rows.
func (Token) TableName() string { return "core_tokens" }

// Format prints which token it is, for every verb.
func (t Token) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "token %s of user %d", t.Name, t.UserID)
}

// LogValue shows which token it is to log handlers.
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", t.ID), slog.String("name", t.Name), slog.Int64("user_id", t.UserID))
}

// Scope is what the token may be used for. A scope that cannot be read allows nothing.
func (t *Token) Scope() *Scope {
	scope := new(Scope)
	if err := json.Unmarshal(t.ScopeJSON, scope); err != nil {
		return new(Scope)
	}
	return scope
}

var (
	_ fmt.Formatter  = Token{}
	_ slog.LogValuer = Token{}
)
