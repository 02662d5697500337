package node

import (
	"context"
	"errors"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/tasks"
)

// PingRedis asks the Redis of the settings for a sign of life, whatever the database does. A Redis that does not answer
// is errs.Unavailable, one that refuses the user, the password or the database errs.Invalid.
func PingRedis(ctx context.Context, s config.Settings) (err error) {
	// The machine is asked because it alone knows Redis; it is never started, so it needs no database and no keys.
	t, err := tasks.New(tasks.Options{DB: &db.DB{}, Box: &secret.Box{}, RedisURL: s.RedisURL.Reveal()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Stop(expired(ctx))) }()
	return t.Ping(ctx)
}

// redisAnswers only warns of a Redis that does not answer, which may come later: tasks run without it. One that refuses us
// will not do better, and keeps the process from starting.
func (n *Node) redisAnswers(ctx context.Context) error {
	err := n.tasks.Ping(ctx)
	if errs.Is(err, errs.Unavailable) && ctx.Err() == nil {
		n.o.Log.Warn("started without Redis", "error", err)
		return nil
	}
	return err
}
