package auth

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

const (
	// wide is how many times the limit of a name from one address a name or an address alone may fail.
	wide = 10
	// placeLife is how long an address counts as one where the user has logged in.
	placeLife = 90 * 24 * time.Hour
	// placeEvery is how often such an address is noted again.
	placeEvery = 24 * time.Hour
	// sweepEvery is how often a process deletes what is over.
	sweepEvery = 10 * time.Minute
)

// Throttle counts failed log-ins in the database, so that all processes count together. There are three counters: of a
// name from an address, which locks out at the limit, and of the name alone and the address alone, which lock out at ten
// times the limit. The wide ones stop guessing from many addresses and of many names. They do not hold where this user has
// logged in before from this address, or anybody could lock others out. Names count whether there is such a user or not,
// and only digests are stored. It is safe for concurrent use.
type Throttle struct {
	db      *db.DB
	limit   int64
	lockout time.Duration
	now     func() time.Time

	mu    sync.Mutex
	swept time.Time
}

// NewThrottle makes a Throttle that locks out for a time after as many failures; a limit of 0 counts nothing.
func NewThrottle(d *db.DB, limit int, lockout time.Duration) (*Throttle, error) {
	if d == nil {
		panic("auth.NewThrottle needs a database")
	}
	if limit < 0 || lockout <= 0 {
		return nil, errs.New(errs.Invalid, "log-ins cannot be locked out for %s after %d failures; set a positive time and a limit of 0 or more", lockout, limit)
	}
	return &Throttle{db: d, limit: int64(limit), lockout: lockout, now: time.Now}, nil
}

// Throttled is the cause of the error that a locked out log-in gets.
type Throttled struct {
	// After is how long the lock-out lasts from now.
	After time.Duration
}

// Error says how long it lasts.
func (t *Throttled) Error() string { return "locked out for " + t.After.String() }

// RetryAfter is the value of the header of that name (RFC 9110, 10.2.3): whole seconds, at least one.
func (t *Throttled) RetryAfter() string {
	return strconv.Itoa(int(max(time.Second, t.After.Round(time.Second)).Seconds()))
}

func tooMany(after time.Duration) error {
	return &errs.Error{Kind: errs.TooMany, Msg: "Too many failed log-ins; wait and try again.", Err: &Throttled{After: after}}
}

// loginFailure is one row of core_login_failures.
type loginFailure struct {
	KeyHash  string `gorm:"primaryKey"`
	Failures int64
	FailedAt time.Time
}

// TableName is the table of the rows.
func (loginFailure) TableName() string { return "core_login_failures" }

// loginPlace is one row of core_login_places.
type loginPlace struct {
	KeyHash string `gorm:"primaryKey"`
	SeenAt  time.Time
}

// TableName is the table of the rows.
func (loginPlace) TableName() string { return "core_login_places" }

// attempt is a log-in under the keys that it counts by.
type attempt struct {
	pair, name, address string
}

// newAttempt takes a network of IPv6 for one address: who has one address of it has all.
func newAttempt(name string, client netip.Addr) attempt {
	place := client.String()
	if network, err := client.Prefix(64); client.Is6() && !client.Is4In6() && err == nil {
		place = network.String()
	}
	name, place = hexDigest("name\x00"+oneName(name)), hexDigest("address\x00"+place)
	return attempt{pair: hexDigest("pair\x00" + name + place), name: name, address: place}
}

// oneName brings the ways to write a name together that a directory takes for one: each would have its own guesses.
func oneName(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(name))), " ")
}

// standing is what is known of an attempt.
type standing struct {
	// pair and wide are how long the lock-outs last; none when not positive.
	pair, wide time.Duration
	// failed tells that the pair has a counter.
	failed bool
	// seen is when the user last logged in from the address, nil when not lately.
	seen *time.Time
}

// standing looks an attempt up.
func (t *Throttle) standing(ctx context.Context, a attempt) (standing, error) {
	if t.limit == 0 {
		return standing{}, nil
	}
	now := t.now()
	var rows []loginFailure
	if err := t.db.Read(ctx).Where("key_hash IN ?", []string{a.pair, a.name, a.address}).Find(&rows).Error; err != nil {
		return standing{}, fmt.Errorf("count failed log-ins: %w", err)
	}
	var places []loginPlace
	if err := t.db.Read(ctx).Where("key_hash = ? AND seen_at > ?", a.pair, stamp(now.Add(-placeLife))).Limit(1).Find(&places).Error; err != nil {
		return standing{}, fmt.Errorf("look up where log-ins came from: %w", err)
	}
	s := standing{}
	for _, row := range rows {
		left := row.FailedAt.Add(t.lockout).Sub(now)
		switch {
		case row.KeyHash == a.pair:
			s.failed = true
			if row.Failures >= t.limit {
				s.pair = left
			}
		case row.Failures >= wide*t.limit:
			s.wide = max(s.wide, left)
		}
	}
	if len(places) > 0 {
		s.seen = &places[0].SeenAt
	}
	return s, nil
}

// failed counts an attempt that was wrong. Behind a wide lock-out only the pair counts on, so that the lock-out ends.
func (t *Throttle) failed(ctx context.Context, a attempt, locked bool) error {
	if t.limit == 0 {
		return nil
	}
	keys := []string{a.pair}
	if !locked {
		keys = append(keys, a.name, a.address)
	}
	err := t.db.InTx(ctx, func(tx *db.Tx) error {
		for _, key := range slices.Sorted(slices.Values(keys)) { // one order for all, or two could wait for each other
			if err := t.count(tx, key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count a failed log-in: %w", err)
	}
	return t.sweep(ctx)
}

// count adds one to a counter, or begins it anew when its last failure is longer ago than the lock-out.
func (t *Throttle) count(tx *db.Tx, key string) error {
	now := stamp(t.now())
	next := gorm.Expr("CASE WHEN core_login_failures.failed_at <= ? THEN 1 ELSE core_login_failures.failures + 1 END", stamp(now.Add(-t.lockout)))
	return tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "key_hash"}},
		DoUpdates: clause.Set{{Column: clause.Column{Name: "failures"}, Value: next}, {Column: clause.Column{Name: "failed_at"}, Value: now}},
	}).Create(&loginFailure{KeyHash: key, Failures: 1, FailedAt: now}).Error
}

// succeeded forgets the failures of the name from the address, and notes that the user logs in from there. The wide
// counters stand: who has one account must not wash away what was tried on others.
func (t *Throttle) succeeded(ctx context.Context, a attempt, s standing) error {
	if t.limit == 0 {
		return nil
	}
	now := stamp(t.now())
	if s.seen != nil && now.Before(s.seen.Add(placeEvery)) && !s.failed {
		return nil
	}
	err := t.db.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.Where("key_hash = ?", a.pair).Delete(&loginFailure{}).Error; err != nil {
			return err
		}
		return tx.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "key_hash"}}, DoUpdates: clause.AssignmentColumns([]string{"seen_at"}),
		}).Create(&loginPlace{KeyHash: a.pair, SeenAt: now}).Error
	})
	if err != nil {
		return fmt.Errorf("note a log-in: %w", err)
	}
	return nil
}

// sweep deletes now and then what is over.
func (t *Throttle) sweep(ctx context.Context) error {
	now := t.now()
	t.mu.Lock()
	due := !now.Before(t.swept.Add(sweepEvery))
	if due {
		t.swept = now
	}
	t.mu.Unlock()
	if !due {
		return nil
	}
	err := t.db.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.Where("failed_at <= ?", stamp(now.Add(-t.lockout))).Delete(&loginFailure{}).Error; err != nil {
			return err
		}
		return tx.Where("seen_at <= ?", stamp(now.Add(-placeLife))).Delete(&loginPlace{}).Error
	})
	if err != nil {
		return fmt.Errorf("forget old failed log-ins: %w", err)
	}
	return nil
}
