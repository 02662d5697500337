// Package answers keeps what the content server has looked up in Redis, for its other processes. Nothing depends on it:
// what Redis has lost, or does not say in time, is looked up in the database.
package answers

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

const (
	// limit is how long a request waits for Redis.
	limit = 50 * time.Millisecond
	// pause is how long Redis is left alone once it has failed; then one request tries it again.
	pause = time.Second
	// longest is how many bytes of a value are read, whatever lies in Redis.
	longest = 64 << 10
	keySize = 32
)

// Options are what a Store works with.
type Options struct {
	// URL is redis_url.
	URL string
	Log *slog.Logger
	// now tells the time; nil is time.Now.
	now func() time.Time
}

// Store keeps values in Redis. It is safe for concurrent use.
type Store struct {
	redis  *redis.Client
	outage outage
}

// New makes a Store; it does not ask Redis for anything yet. An address that cannot be read is errs.Invalid.
func New(o Options) (*Store, error) {
	opt, err := redis.ParseURL(o.URL)
	if err != nil {
		// The cause would print the URL, which may hold a password.
		return nil, errs.Field("redis_url", "cannot be read as the address of a Redis, write redis://user:password@host:port/number")
	}
	opt.DialTimeout, opt.ReadTimeout, opt.WriteTimeout, opt.PoolTimeout = limit, limit, limit, limit
	opt.DialerRetries, opt.MaxRetries = 1, -1 // whoever waits has a better way than to try again
	opt.ContextTimeoutEnabled = true
	if o.now == nil {
		o.now = time.Now
	}
	return &Store{redis: redis.NewClient(opt), outage: outage{log: o.Log, now: o.now}}, nil
}

// Key derives the key that seals answers from the setting secret_key.
func Key(secret string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "packhouse shared content answers", keySize)
	if err != nil {
		return nil, errs.New(errs.Internal, "derive the key of shared answers: %w", err)
	}
	return key, nil
}

// Get gives a value; nil where there is none, or where Redis does not say so in time.
func (s *Store) Get(ctx context.Context, name string) []byte {
	var value string
	s.ask(ctx, func(ctx context.Context) (err error) {
		value, err = s.redis.GetRange(ctx, name, 0, longest).Result() // one byte more than there may be
		return err
	})
	if value == "" {
		return nil
	}
	return []byte(value)
}

// Set keeps a value for as long as life; nil forgets the one that is there.
func (s *Store) Set(ctx context.Context, name string, value []byte, life time.Duration) {
	s.ask(ctx, func(ctx context.Context) error {
		if value == nil {
			return s.redis.Del(ctx, name).Err()
		}
		return s.redis.Set(ctx, name, value, life).Err()
	})
}

// ask asks Redis, unless it has just failed.
func (s *Store) ask(ctx context.Context, do func(ctx context.Context) error) {
	if !s.outage.over() {
		return
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := do(limited)
	if ctx.Err() != nil {
		return // the client is gone: that says nothing of Redis
	}
	if err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE") {
		err = nil // something else lies under the name, and is no answer
	}
	s.outage.note(err)
}

// Close ends the connections.
func (s *Store) Close() error {
	if err := s.redis.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return errs.New(errs.Unavailable, "close the connections to Redis: %w", err)
	}
	return nil
}

var _ serve.Shared = (*Store)(nil)
