package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/packhouse/packhouse/core/errs"
)

const (
	// queueName is the one queue in Redis, and channel where processes publish.
	queueName = "packhouse"
	channel   = "packhouse:tasks"
	// wakeUp is the kind and the id of the one message: there are ready tasks. While it lies in the queue a second one
	// would say nothing more.
	wakeUp = "ready"
	// answer is how long a call to Redis may take.
	answer = 2 * time.Second
)

// queue carries wake-ups to workers, in two ways: a message that waits in asynq until a worker takes it, and a word that
// is published to those who listen at that moment, since asynq only polls. Neither says which task: that is for the
// database to say.
type queue struct {
	redis  redis.UniversalClient
	client *asynq.Client
	mini   *inProcess
}

func openQueue(o Options) (*queue, error) {
	if o.RedisURL == "" {
		return newInProcess()
	}
	opt, err := redis.ParseURL(o.RedisURL)
	if err != nil {
		// The cause would print the URL, which may hold a password.
		return nil, errs.Field("redis_url", "cannot be read as the address of a Redis, write redis://user:password@host:port/number")
	}
	quiet()
	// A Redis that is away is found out at once.
	opt.DialTimeout, opt.DialerRetries, opt.MaxRetries = time.Second, 1, 1
	return newQueue(redis.NewClient(opt), nil), nil
}

// quiet turns off what the Redis client writes to standard error by itself. Its errors come back to us too.
var quiet = sync.OnceValue(func() struct{} {
	redis.SetLogger(silent{})
	return struct{}{}
})

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func newQueue(client redis.UniversalClient, mini *inProcess) *queue {
	return &queue{redis: client, client: asynq.NewClientFromRedisClient(client), mini: mini}
}

// ready says that there are ready tasks.
func (q *queue) ready(ctx context.Context) error {
	_, err := q.client.EnqueueContext(ctx, asynq.NewTask(wakeUp, nil), asynq.TaskID(wakeUp), asynq.Queue(queueName), asynq.MaxRetry(1000), asynq.Timeout(time.Minute))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		err = nil
	}
	return errors.Join(wrap(err, "put a wake-up into the queue"), q.publish(ctx, sayReady))
}

func (q *queue) publish(ctx context.Context, said string) error {
	return wrap(q.redis.Publish(ctx, channel, said).Err(), "publish a wake-up")
}

func (q *queue) ping(ctx context.Context) error {
	err := q.redis.Ping(ctx).Err()
	switch {
	case err == nil:
		return nil
	case refusal(err):
		return errs.New(errs.Invalid, "Redis refuses this process, check user, password and number of the database in redis_url: %w", err)
	}
	return errs.New(errs.Unavailable, "Redis does not answer; until it does, tasks begin up to a second later: %w", err)
}

// refusal tells whether Redis has answered that it does not take what redis_url says. Other errors that it answers, such as
// that it is loading, pass.
func refusal(err error) bool {
	var said redis.Error
	if redis.IsAuthError(err) || redis.IsPermissionError(err) {
		return true
	}
	return errors.As(err, &said) && (strings.HasPrefix(said.Error(), "ERR DB index") || strings.HasPrefix(said.Error(), "ERR AUTH"))
}

// server makes the receiving side.
func (q *queue) server(o Options, log *slog.Logger) *asynq.Server {
	return asynq.NewServerFromRedisClient(q.redis, asynq.Config{
		Concurrency:              1,
		TaskCheckInterval:        o.Poll,
		DelayedTaskCheckInterval: 5 * time.Second,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Second },
		Queues:                   map[string]int{queueName: 1},
		ShutdownTimeout:          time.Second,
		Logger:                   asynqLog{log},
		LogLevel:                 asynq.WarnLevel,
	})
}

// listener hears what is published, until it is closed.
type listener struct {
	sub  *redis.PubSub
	done chan struct{}
}

// listen calls hear for what is published, and missed when a connection is made, before which things may have been said.
// A Redis that is away is tried again.
func (q *queue) listen(hear func(said string), missed func()) *listener {
	// detached: it ends with close.
	l := &listener{sub: q.redis.Subscribe(context.Background(), channel), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for m := range l.sub.ChannelWithSubscriptions() {
			switch m := m.(type) {
			case *redis.Message:
				hear(m.Payload)
			case *redis.Subscription:
				missed()
			}
		}
	}()
	return l
}

func (l *listener) close() error {
	err := l.sub.Close()
	<-l.done
	if err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("stop listening to Redis: %w", err)
	}
	return nil
}

func (q *queue) close() error {
	err := q.redis.Close()
	if q.mini != nil {
		q.mini.close()
	}
	return err
}
