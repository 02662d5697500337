package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"
)

// Session is a log-in that a browser keeps in a cookie, one row of core_sessions. The cookie's key is not stored, so
// that a stolen copy of the table opens nothing.
type Session struct {
	// KeyHash is the SHA-256 of the key in hex.
	KeyHash string `gorm:"primaryKey" json:"-"`
	UserID  int64
	// CSRF is the token that unsafe requests of this session must repeat.
	CSRF      string `json:"-"`
	ExpiresAt time.Time
	CreatedAt time.Time `gorm:"autoCreateTime:false"`
	// PasswordMark stands for the password hash at the time of the log-in: the session ends when it changes.
	PasswordMark string `json:"-"`
}

// TableName is the table of the rows.
func (Session) TableName() string { return "core_sessions" }

// Format prints whose session it is, for every verb.
func (s Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "session of user %d", s.UserID) }

// LogValue shows whose session it is to log handlers.
func (s Session) LogValue() slog.Value { return slog.GroupValue(slog.Int64("user_id", s.UserID)) }

// hashKey needs neither salt nor slowness: a key has 256 random bits.
func hashKey(key string) string { return hexDigest(key) }

// markPassword tells two password hashes apart without repeating the hash in another table.
func markPassword(encoded string) string { return hexDigest(encoded) }

func hexDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

var (
	_ fmt.Formatter  = Session{}
	_ slog.LogValuer = Session{}
)
