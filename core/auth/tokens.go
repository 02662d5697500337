package auth

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// lastUsedEvery is how exact last_used_at is: a token that is used all the time writes its row once in this time.
const lastUsedEvery = time.Minute

// Tokens keeps the rows of core_tokens. It is safe for concurrent use.
type Tokens struct {
	users   *Users
	longest time.Duration
	log     *slog.Logger
	// noting holds the tokens whose use is just being noted.
	noting sync.Map
}

// NewTokens makes the store of tokens. No token lives longer than longest; 0 sets no limit.
func NewTokens(users *Users, longest time.Duration, log *slog.Logger) (*Tokens, error) {
	if users == nil || log == nil {
		panic("auth.NewTokens needs users and a log")
	}
	if longest < 0 {
		return nil, errs.New(errs.Invalid, "tokens cannot live for %s; set a positive time, or 0 for no limit", longest)
	}
	return &Tokens{users: users, longest: longest, log: log}, nil
}

// Token gives the user of a token, read anew, with the token's scope. A text that is no token, a token that is unknown,
// revoked or over, and one of a user who is deactivated are refused with one and the same Unauthenticated error.
func (t *Tokens) Token(ctx context.Context, text string) (*User, error) {
	if !IsToken(text) {
		return nil, tokenRefused()
	}
	row, err := t.find(ctx, hashKey(text))
	if err != nil {
		return nil, err
	}
	now := t.users.now()
	if row.ExpiresAt != nil && !now.Before(*row.ExpiresAt) {
		return nil, tokenRefused()
	}
	user, err := t.users.User(ctx, row.UserID)
	if errs.Is(err, errs.NotFound) {
		return nil, tokenRefused()
	}
	if err != nil {
		return nil, err
	}
	if !user.IsActive {
		return nil, tokenRefused()
	}
	t.noteUse(ctx, row, now)
	user.Via, user.Scope, user.TokenID = "token "+row.Name, row.Scope(), row.ID
	return user, nil
}

func (t *Tokens) find(ctx context.Context, hash string) (*Token, error) {
	var found []Token
	if err := t.users.db.Read(ctx).Where("secret_hash = ?", hash).Limit(1).Find(&found).Error; err != nil {
		return nil, fmt.Errorf("read a token: %w", err)
	}
	if len(found) == 0 {
		return nil, tokenRefused()
	}
	return &found[0], nil
}

// noteUse writes the time of the last use, unless somebody did within the last minute. A database that is busy keeps
// nobody from using a token: then the time is missing, and the log says so.
func (t *Tokens) noteUse(ctx context.Context, row *Token, now time.Time) {
	if row.LastUsedAt != nil && now.Before(row.LastUsedAt.Add(lastUsedEvery)) {
		return
	}
	if _, busy := t.noting.LoadOrStore(row.ID, true); busy {
		return
	}
	defer t.noting.Delete(row.ID)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := t.users.db.InTx(ctx, func(tx *db.Tx) error {
		return tx.Model(&Token{}).Where("id = ? AND (last_used_at IS NULL OR last_used_at <= ?)", row.ID, stamp(now.Add(-lastUsedEvery))).
			UpdateColumn("last_used_at", stamp(now)).Error
	})
	if err != nil {
		t.log.Warn("the last use of a token could not be noted", "token", row, "error", err)
	}
}

// ListTokens gives the tokens of a user, or of all when the number is 0, oldest first.
func (t *Tokens) ListTokens(ctx context.Context, userID int64) ([]Token, error) {
	query := t.users.db.Read(ctx).Order("id")
	if userID != 0 {
		query = query.Where("user_id = ?", userID)
	}
	var all []Token
	if err := query.Find(&all).Error; err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return all, nil
}

// RevokeToken deletes a token and those that were made with it; a missing one is NotFound. The next request with any of
// them is refused.
func (t *Tokens) RevokeToken(ctx context.Context, id string) error {
	err := t.users.db.InTx(ctx, func(tx *db.Tx) error { return revoke(tx.DB, id) })
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	return nil
}

func revoke(tx *gorm.DB, id string) error {
	done := tx.Where("id = ?", id).Delete(&Token{})
	if done.Error == nil && done.RowsAffected == 0 {
		return errs.New(errs.NotFound, "There is no such token; look at the list of tokens.")
	}
	return done.Error
}

// Purge deletes the tokens whose time is over and tells how many there were.
func (t *Tokens) Purge(ctx context.Context) (int64, error) {
	var gone int64
	err := t.users.db.InTx(ctx, func(tx *db.Tx) error {
		done := tx.Where("expires_at <= ?", stamp(t.users.now())).Delete(&Token{})
		gone = done.RowsAffected
		return done.Error
	})
	if err != nil {
		return 0, fmt.Errorf("purge tokens: %w", err)
	}
	return gone, nil
}

// tokenRefused is the one answer to every token that does not count.
func tokenRefused() error {
	return errs.New(errs.Unauthenticated, "The token is not valid; make a new one.")
}
