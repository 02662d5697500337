package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// afterwards is how long the load goes on when all faults are over.
const afterwards = 500 * time.Millisecond

// suffer lets all faults of the plan happen at their times, and comes back when the last is over and the load has had
// its time.
func (f *field) suffer(ctx context.Context) error {
	var all sync.WaitGroup
	faults := make([]error, len(f.plan.Faults)+1)
	for n, ft := range f.plan.Faults {
		all.Go(func() {
			if pause(ctx, ft.At) != nil {
				return
			}
			if err := f.befall(ctx, ft); err != nil {
				faults[n] = fmt.Errorf("%s: %w", ft.What, err)
			}
		})
	}
	all.Go(func() { _ = pause(ctx, f.plan.Load) })
	all.Wait()
	_ = pause(ctx, afterwards)
	// A busy machine gets the time to have something to check.
	_ = until(ctx, nil, 10*time.Second, f.busy)
	faults[len(f.plan.Faults)] = ctx.Err()
	return errors.Join(faults...)
}

// fewest is how many tasks a round wants, if they can be had.
const fewest = 40

func (f *field) busy(ctx context.Context) error {
	var n int64
	err := f.db.Read(ctx).Raw("SELECT count(*) FROM core_tasks").Scan(&n).Error
	if err == nil && n < fewest {
		err = fmt.Errorf("there are only %d tasks", n)
	}
	return err
}

// befall does one fault and, where it lasts, undoes it.
func (f *field) befall(ctx context.Context, ft fault) error {
	switch ft.What {
	case killWorker, termWorker, freezeWorker:
		f.strike(ctx, f.workers, ft)
	case killAPI, termAPI, freezeAPI, dieAfter, dieBefore, killServe, termServe, freezeServe, diesAfterOne, diesBeforeOne:
		f.strike(ctx, f.fronts, ft)
	case flushRedis:
		// One that is away has nothing to empty.
		_ = f.ground.redis.flush(ctx)
	case killRedis:
		return f.ground.redis.crash(ctx, syscall.SIGKILL, 0)
	case absentRedis:
		return f.ground.redis.crash(ctx, syscall.SIGKILL, ft.For)
	case stopPostgres:
		return f.ground.postgres.crash(ctx, syscall.SIGQUIT, 0)
	case killPostgres:
		return f.ground.postgres.crash(ctx, syscall.SIGKILL, 0)
	case absentDB:
		return f.ground.postgres.crash(ctx, syscall.SIGQUIT, ft.For)
	case cutPostgres:
		f.ground.postgres.mu.Lock() // not while it is away
		defer f.ground.postgres.mu.Unlock()
		return f.ground.postgres.cut(ctx)
	default:
		panic("chaos: nobody knows how to do " + string(ft.What))
	}
	return nil
}

// strike does a fault of one process.
func (f *field) strike(ctx context.Context, slots []*slot, ft fault) {
	s := slots[ft.Target%len(slots)]
	switch ft.What {
	case killWorker, killAPI, killServe:
		s.hit(syscall.SIGKILL)
	case termWorker, termAPI, termServe:
		s.hit(syscall.SIGTERM)
	case freezeWorker, freezeAPI, freezeServe:
		s.freeze(ctx, ft.For)
	case dieAfter, diesAfterOne:
		s.hit(syscall.SIGUSR1)
	case dieBefore, diesBeforeOne:
		s.hit(syscall.SIGUSR2)
	}
}

// settleWithin is how long a round may take to come to rest once the faults have ended. A task whose claim was committed
// while its worker never heard of it is put back after a minute.
const settleWithin = 90 * time.Second
