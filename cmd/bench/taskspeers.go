package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/db"
)

// taskPeers do with the database and the queue of a crew what they do without tasks.
type taskPeers struct {
	db    *db.DB
	queue asynq.RedisConnOpt
	undo  []func()
}

const (
	// rowSize is about what a task of the crew takes in core_tasks on PostgreSQL, in bytes.
	rowSize = 420
	// counters is how many rows the bare transactions change.
	counters = 1000
)

// openPeers makes the tables of the peers, and a Redis inside this process where the crew has one too.
func openPeers(ctx context.Context, c *crew) (*taskPeers, error) {
	p := &taskPeers{}
	var err error
	if p.db, err = db.Open(ctx, db.Options{URL: c.database}); err != nil {
		return nil, err
	}
	p.undo = append(p.undo, func() { _ = p.db.Close() }) // everything was measured by then
	if err = p.tables(ctx); err == nil {
		err = p.openQueue(c.setting("REDIS_URL"))
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *taskPeers) close() {
	for _, f := range p.undo {
		f()
	}
}

func (p *taskPeers) openQueue(address string) (err error) {
	if address != "" {
		p.queue, err = asynq.ParseRedisURI(address)
		if err != nil {
			return errors.New("PACKHOUSE_TEST_REDIS is no address for asynq")
		}
		return nil
	}
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return fmt.Errorf("start a Redis inside this process: %w", err)
	}
	p.undo = append(p.undo, m.Close)
	p.queue = asynq.RedisClientOpt{Addr: m.Addr()}
	return nil
}

func (p *taskPeers) tables(ctx context.Context) error {
	series := fmt.Sprintf("WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < %d) ", counters-1)
	return p.db.InTx(ctx, func(tx *db.Tx) error {
		return errors.Join(
			tx.Exec("CREATE TABLE bench_rows (id bigint, body text)").Error,
			tx.Exec("CREATE TABLE bench_counters (id bigint PRIMARY KEY, n bigint)").Error,
			tx.Exec(series+"INSERT INTO bench_counters (id, n) SELECT i, 0 FROM s").Error,
		)
	})
}

// inserts are transactions that insert one row of the size of a task, in a second.
func (p *taskPeers) inserts(ctx context.Context, count int) (float64, error) {
	body := strings.Repeat("x", rowSize)
	return transactions(ctx, p.db, count, func(tx *db.Tx, n int64) error {
		return tx.Exec("INSERT INTO bench_rows (id, body) VALUES (?, ?)", n, body).Error
	})
}

// changes are transactions that read one row and change it, in a second.
func (p *taskPeers) changes(ctx context.Context, count int) (float64, error) {
	read := "SELECT n FROM bench_counters WHERE id = ?"
	if p.db.Dialect() == db.Postgres {
		read += " FOR UPDATE"
	}
	return transactions(ctx, p.db, count, func(tx *db.Tx, _ int64) error {
		id, n := rand.IntN(counters), int64(0)
		if err := tx.Raw(read, id).Scan(&n).Error; err != nil {
			return err
		}
		return tx.Exec("UPDATE bench_counters SET n = ? WHERE id = ?", n+1, id).Error
	})
}

// transactions does work in count transactions, as many at a time as there are dispatchers; it gives them in a second.
func transactions(ctx context.Context, d *db.DB, count int, work func(tx *db.Tx, n int64) error) (float64, error) {
	var next atomic.Int64
	group, inner := errgroup.WithContext(ctx)
	begin := time.Now()
	for range dispatchers {
		group.Go(func() error {
			for n := next.Add(1); n <= int64(count); n = next.Add(1) {
				if err := d.InTx(inner, func(tx *db.Tx) error { return work(tx, n) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(count) / time.Since(begin).Seconds(), err
}

// asynq enqueues messages and handles them, in one process, until the last is handled; it gives them in a second.
func (p *taskPeers) asynq(ctx context.Context, count int) (float64, error) {
	const queue = "plain"
	client := asynq.NewClient(p.queue)
	defer func() { _ = client.Close() }() // everything was handled by then
	server := asynq.NewServer(p.queue, asynq.Config{
		Concurrency: dispatchers, Queues: map[string]int{queue: 1}, TaskCheckInterval: lookEvery, ShutdownTimeout: time.Second,
		LogLevel: asynq.FatalLevel,
	})
	var handled atomic.Int64
	all := make(chan struct{})
	begin := time.Now()
	err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		if handled.Add(1) == int64(count) {
			close(all)
		}
		return nil
	}))
	if err != nil {
		return 0, fmt.Errorf("start plain asynq: %w", err)
	}
	defer server.Shutdown()
	if err := enqueue(ctx, client, queue, count); err != nil {
		return 0, err
	}
	limit := time.NewTimer(stuck)
	defer limit.Stop()
	select {
	case <-all:
		return float64(count) / time.Since(begin).Seconds(), nil
	case <-limit.C:
		return 0, fmt.Errorf("plain asynq has handled %d of %d messages", handled.Load(), count)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func enqueue(ctx context.Context, client *asynq.Client, queue string, count int) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range dispatchers {
		group.Go(func() error {
			for n := i; n < count; n += dispatchers {
				if _, err := client.EnqueueContext(ctx, asynq.NewTask("plain", []byte(fmt.Sprint(n))), asynq.Queue(queue)); err != nil {
					return fmt.Errorf("enqueue with plain asynq: %w", err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// setting is what a system was told under a name; empty for nothing.
func (s *system) setting(name string) string {
	for _, one := range s.environment {
		if value, found := strings.CutPrefix(one, "PACKHOUSE_"+name+"="); found {
			return value
		}
	}
	return ""
}
