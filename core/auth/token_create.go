package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

// NewToken is what is wanted of a new token.
type NewToken struct {
	// User is whom it logs in.
	User *User
	// Name tells tokens of a user apart for people; it need not be unique.
	Name  string
	Scope Scope
	// ExpiresAt is the end of its life; nil means the longest that is allowed.
	ExpiresAt *time.Time
	// By is who asks, nil for the command line and for machines that have decided for themselves. A token that By used
	// becomes the parent and must cover the new one.
	By *User
}

// CreateToken makes a token and gives its row and its text, which is told this once. Faults are Invalid errors by field;
// a scope that By may not give is Forbidden.
func (t *Tokens) CreateToken(ctx context.Context, want NewToken) (row *Token, text string, err error) {
	err = t.users.db.InTx(ctx, func(tx *db.Tx) (err error) {
		row, text, err = t.CreateTokenIn(tx, want)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return row, text, nil
}

// CreateTokenIn is CreateToken within a transaction.
func (t *Tokens) CreateTokenIn(tx *db.Tx, want NewToken) (*Token, string, error) {
	row, err := t.build(want)
	if err != nil {
		return nil, "", err
	}
	if err := bindParent(tx, want.By, row); err != nil {
		return nil, "", err
	}
	text := newTokenText()
	row.SecretHash = hashKey(text)
	if err := tx.Create(row).Error; err != nil {
		return nil, "", fmt.Errorf("create a token for %s: %w", want.User, err)
	}
	return row, text, nil
}

func (t *Tokens) build(want NewToken) (*Token, error) {
	name := textFault(want.Name, maxName)
	if want.Name == "" {
		name = "This field may not be blank."
	}
	if name != "" {
		return nil, errs.Field("name", "%s", name)
	}
	if err := want.Scope.Check(); err != nil {
		return nil, err
	}
	if want.By != nil && !want.By.Scope.Covers(&want.Scope) {
		return nil, errs.New(errs.Forbidden, "A token cannot make one that may do more than itself; ask for less, or log in with a password.")
	}
	expires, err := t.end(want.ExpiresAt)
	if err != nil {
		return nil, err
	}
	scope, err := json.Marshal(want.Scope)
	if err != nil {
		return nil, fmt.Errorf("write the scope of a token: %w", err)
	}
	id := ident.New()
	row := &Token{ID: id, UserID: want.User.ID, Name: want.Name, ScopeJSON: scope, ExpiresAt: expires, PulpCreated: stamp(t.users.now())}
	row.PulpLastUpdated = row.PulpCreated
	if want.By != nil {
		row.CreatedBy = &want.By.ID
	}
	return row, nil
}

// end is the end of the life of a token that is wanted until then.
func (t *Tokens) end(wanted *time.Time) (*time.Time, error) {
	now := t.users.now()
	if wanted != nil && !now.Before(*wanted) {
		return nil, errs.Field("expires_at", "This time is over; choose one that lies ahead.")
	}
	if t.longest > 0 {
		last := stamp(now.Add(t.longest))
		if wanted == nil {
			return &last, nil
		}
		if wanted.After(last) {
			return nil, errs.Field("expires_at", "Tokens may not live longer than %d days (setting authentication.token_max_days).", int(t.longest.Hours()/24))
		}
	}
	if wanted == nil {
		return nil, nil
	}
	exact := stamp(*wanted)
	return &exact, nil
}

// bindParent ties a token to the one it is made with: it ends no later, and goes with it.
func bindParent(tx *db.Tx, by *User, row *Token) error {
	if by == nil || by.TokenID == "" {
		if by != nil && by.Scope != nil {
			return errs.New(errs.Forbidden, "A limited log-in that is no token cannot make tokens; log in with a password.")
		}
		return nil
	}
	var parents []Token
	if err := tx.Where("id = ?", by.TokenID).Limit(1).Find(&parents).Error; err != nil {
		return fmt.Errorf("read the token that asks: %w", err)
	}
	if len(parents) == 0 {
		return tokenRefused()
	}
	row.ParentID = &parents[0].ID
	if end := parents[0].ExpiresAt; end != nil && (row.ExpiresAt == nil || row.ExpiresAt.After(*end)) {
		row.ExpiresAt = end
	}
	return nil
}
