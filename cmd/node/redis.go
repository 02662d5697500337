package node

import (
	"context"
	"errors"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/tasks"
)

// PingRedis asks the Redis of the settings for a sign of life, whatever the database does. A Redis that does not answer
// is errs.Unavailable.
func PingRedis(ctx context.Context, s config.Settings) (err error) {
	// The machine is asked because it alone knows Redis; it is never started, so it needs no database and no keys.
	t, err := tasks.New(tasks.Options{DB: &db.DB{}, Box: &secret.Box{}, RedisURL: s.RedisURL.Reveal()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Stop(expired(ctx))) }()
	return t.Ping(ctx)
}
