package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// Sessions keeps the rows of core_sessions. It is safe for concurrent use.
type Sessions struct {
	users *Users
	life  time.Duration
}

// NewSessions makes the store of sessions. Each ends after life, whether it was used or not; a life that is not
// positive is an error.
func NewSessions(users *Users, life time.Duration) (*Sessions, error) {
	if life <= 0 {
		return nil, errs.New(errs.Invalid, "sessions cannot last %s; set a positive time", life)
	}
	return &Sessions{users: users, life: life}, nil
}

// Login begins a session for a user whose credentials were checked, and notes the time as the user's last log-in. It
// gives the key for the session cookie, the token for the CSRF cookie and the time when both end. A user who is
// deactivated, a service account or gone is refused.
func (s *Sessions) Login(ctx context.Context, user *User) (key, csrf string, expires time.Time, err error) {
	key, csrf, now := token(), token(), stamp(s.users.now())
	row := Session{KeyHash: hashKey(key), UserID: user.ID, CSRF: csrf, CreatedAt: now,
		ExpiresAt: now.Add(s.life), PasswordMark: markPassword(user.Password)}
	err = s.users.db.InTx(ctx, func(tx *db.Tx) error {
		met := tx.Model(&User{}).Where("id = ? AND is_active = ? AND is_service_account = ?", user.ID, true, false).Update("last_login", now)
		if met.Error == nil && met.RowsAffected == 0 {
			return refused()
		}
		if met.Error != nil {
			return met.Error
		}
		return tx.Create(&row).Error
	})
	if err != nil {
		return "", "", time.Time{}, fmt.Errorf("begin a session: %w", err)
	}
	return key, csrf, row.ExpiresAt, nil
}

// Session gives the user of a session key, read anew, and the session's CSRF token. A session that is unknown, over,
// older than the user's password or of a user who is deactivated is refused as Unauthenticated.
func (s *Sessions) Session(ctx context.Context, key string) (*User, string, error) {
	var found []Session
	if err := s.users.db.Read(ctx).Where("key_hash = ?", hashKey(key)).Limit(1).Find(&found).Error; err != nil {
		return nil, "", fmt.Errorf("read a session: %w", err)
	}
	if len(found) == 0 || !s.users.now().Before(found[0].ExpiresAt) {
		return nil, "", sessionOver()
	}
	user, err := s.users.User(ctx, found[0].UserID)
	if errs.Is(err, errs.NotFound) {
		return nil, "", sessionOver()
	}
	if err != nil {
		return nil, "", err
	}
	if !user.mayUsePassword() || markPassword(user.Password) != found[0].PasswordMark {
		return nil, "", sessionOver()
	}
	user.Via = "session"
	return user, found[0].CSRF, nil
}

// Logout ends the session of a key; one that is over already is no error.
func (s *Sessions) Logout(ctx context.Context, key string) error {
	err := s.users.db.InTx(ctx, func(tx *db.Tx) error {
		return tx.Where("key_hash = ?", hashKey(key)).Delete(&Session{}).Error
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// Purge deletes the sessions whose time is over and tells how many there were.
func (s *Sessions) Purge(ctx context.Context) (int64, error) {
	var gone int64
	err := s.users.db.InTx(ctx, func(tx *db.Tx) error {
		done := tx.Where("expires_at <= ?", stamp(s.users.now())).Delete(&Session{})
		gone = done.RowsAffected
		return done.Error
	})
	if err != nil {
		return 0, fmt.Errorf("purge sessions: %w", err)
	}
	return gone, nil
}

// CheckCSRF tells whether an unsafe request of a session comes from our own page: the header must repeat the token.
// Give the token that Session returned rather than the cookie where both are at hand, for a neighbouring host can
// plant a cookie. An absent or wrong token is Forbidden.
func CheckCSRF(cookie, header string) error {
	if cookie == "" || header == "" {
		return errs.New(errs.Forbidden, "CSRF Failed: the token is missing; send the csrftoken cookie and repeat it in X-CSRFToken.")
	}
	if subtle.ConstantTimeCompare([]byte(cookie), []byte(header)) != 1 {
		return errs.New(errs.Forbidden, "CSRF Failed: the token is wrong; repeat the csrftoken cookie in X-CSRFToken.")
	}
	return nil
}

// token is 256 random bits in characters that a cookie can carry.
func token() string { return base64.RawURLEncoding.EncodeToString(random(32)) }
