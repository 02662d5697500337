package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/packhouse/packhouse/core/errs"
)

const (
	// queueName is the one queue in Redis.
	queueName = "packhouse"
	// deliveries is how often asynq delivers an id again whose claim failed. Beyond that the sweeper steps in.
	deliveries = 5
	// forever is a time-out that never passes: asynq would take none for half an hour.
	forever = 10 * 365 * 24 * time.Hour
	// answer is how long a call to Redis may take, so that a Redis that is gone does not hold up requests.
	answer = 2 * time.Second
)

// queue carries ids of ready tasks to workers. A message is the kind and the id, never the arguments.
type queue struct {
	redis     redis.UniversalClient
	client    *asynq.Client
	inspector *asynq.Inspector
	mini      *inProcess
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
	// A Redis that is away is found out at once; trying again is the sweeper's.
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
	return &queue{
		redis:     client,
		client:    asynq.NewClientFromRedisClient(client),
		inspector: asynq.NewInspectorFromRedisClient(client),
		mini:      mini,
	}
}

// send hands over an id. Fresh tells whether Redis did not know it yet. A twin that asynq has put away, and that would
// block the id for ever, is removed first.
func (q *queue) send(ctx context.Context, kind, id string) (fresh bool, err error) {
	err = enqueue(ctx, q.client, kind, id)
	if !errors.Is(err, asynq.ErrTaskIDConflict) {
		return err == nil, err
	}
	info, err := q.inspector.GetTaskInfo(queueName, id)
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound):
		return true, enqueue(ctx, q.client, kind, id)
	case errors.Is(err, asynq.ErrQueueNotFound):
		// Redis was emptied since this client announced the queue, which it does once. A new client does it again;
		// the id itself was sent after that, or it would not be in the way.
		err = enqueue(ctx, asynq.NewClientFromRedisClient(q.redis), kind, id)
		if errors.Is(err, asynq.ErrTaskIDConflict) {
			return false, nil
		}
		return err == nil, err
	case err != nil:
		return false, fmt.Errorf("ask the queue for task %s: %w", id, err)
	case info.State != asynq.TaskStateArchived && info.State != asynq.TaskStateCompleted:
		return false, nil
	}
	if err := q.inspector.DeleteTask(queueName, id); err != nil && !errors.Is(err, asynq.ErrTaskNotFound) {
		return false, fmt.Errorf("remove the undelivered message of task %s: %w", id, err)
	}
	return true, enqueue(ctx, q.client, kind, id)
}

func enqueue(ctx context.Context, client *asynq.Client, kind, id string) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	_, err := client.EnqueueContext(ctx, asynq.NewTask(kind, []byte(id)), asynq.TaskID(id), asynq.Queue(queueName),
		asynq.MaxRetry(deliveries), asynq.Timeout(forever))
	return wrap(err, "send task %s to the queue", id)
}

// cancel wakes whoever runs the task, so that the row is looked at without delay.
func (q *queue) cancel(id string) error { return q.inspector.CancelProcessing(id) }

func (q *queue) ping(ctx context.Context) error {
	if err := q.redis.Ping(ctx).Err(); err != nil {
		return errs.New(errs.Unavailable, "Redis does not answer, tasks wait until it does: %w", err)
	}
	return nil
}

// server makes the receiving side. What the handler returns decides only about another delivery.
func (q *queue) server(o Options, log *slog.Logger) *asynq.Server {
	return asynq.NewServerFromRedisClient(q.redis, asynq.Config{
		Concurrency:              o.Concurrency,
		TaskCheckInterval:        o.Poll,
		DelayedTaskCheckInterval: time.Second,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Second },
		Queues:                   map[string]int{queueName: 1},
		ShutdownTimeout:          time.Second,
		Logger:                   asynqLog{log},
		LogLevel:                 asynq.WarnLevel,
	})
}

func (q *queue) close() error {
	err := q.redis.Close()
	if q.mini != nil {
		q.mini.close()
	}
	return err
}
