package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

const (
	// inFlight is how many unfinished tasks there are at most while a rate is measured.
	inFlight = 256
	// lookEvery is the time between two looks at how many tasks have not finished.
	lookEvery = 20 * time.Millisecond
	// stuck is the time without any progress after which a measurement gives up.
	stuck = 30 * time.Second
)

// run dispatches tasks that do nothing, each in a transaction of its own, and says how long it took from the first call
// until the last was seen to be finished.
func (p *player) run(ctx context.Context, o order) (answer, error) {
	last, err := p.number(ctx, "SELECT COALESCE(max(seq), 0) FROM core_tasks")
	if err != nil {
		return answer{}, err
	}
	var dispatched, next atomic.Int64
	places := make(chan struct{}, inFlight)
	begin := time.Now()
	group, inner := errgroup.WithContext(ctx)
	for range o.Clients {
		group.Go(func() error {
			for n := next.Add(1); n <= int64(o.Count); n = next.Add(1) {
				select {
				case places <- struct{}{}:
				case <-inner.Done():
					return inner.Err()
				}
				if _, err := p.dispatch(inner, nothingArgs{fmt.Sprint("r", n%int64(o.Resources))}); err != nil {
					return err
				}
				dispatched.Add(1)
			}
			return nil
		})
	}
	group.Go(func() error { return p.makeRoom(inner, int64(o.Count), &dispatched, places) })
	if err := group.Wait(); err != nil {
		return answer{}, err
	}
	took := time.Since(begin).Seconds()
	completed, err := p.number(ctx, "SELECT count(*) FROM core_tasks WHERE seq > ? AND state = 'completed'", last)
	if err == nil && completed != int64(o.Count) {
		err = fmt.Errorf("%d of %d tasks are completed", completed, o.Count)
	}
	return answer{Seconds: took}, err
}

// makeRoom takes a place back for each task that has finished, until count of them have.
func (p *player) makeRoom(ctx context.Context, count int64, dispatched *atomic.Int64, places chan struct{}) error {
	seen, moved := int64(0), time.Now()
	for seen < count {
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
		so := dispatched.Load() // before the look, so that what is dispatched meanwhile does not count as finished
		left, err := p.unfinished(ctx)
		if err != nil {
			return err
		}
		for ; seen < so-left; seen++ {
			<-places
			moved = time.Now()
		}
		if time.Since(moved) > stuck {
			return fmt.Errorf("%d tasks have not moved for %s", left, stuck)
		}
	}
	return nil
}

// pile dispatches many tasks, so many at most in a transaction; how fast is not the question.
func (p *player) pile(ctx context.Context, o order, most int) error {
	for n := 0; n < o.Count; n += most {
		err := p.db.InTx(ctx, func(tx *db.Tx) error {
			for i := n; i < min(n+most, o.Count); i++ {
				if _, err := p.tasks.Dispatch(ctx, tx, o.args(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// args are those of task number n.
func (o order) args(n int) task.Args {
	resource := fmt.Sprint("r", n%o.Resources)
	if o.Nap > 0 {
		return napArgs{resource, o.Nap}
	}
	return nothingArgs{resource}
}

// drain waits until nothing is left to do, or the time is up, and gives the moments at which tasks finished meanwhile,
// in their order.
func (p *player) drain(ctx context.Context, o order) (answer, error) {
	begin := db.Now()
	for left := int64(1); left > 0 && time.Since(begin) < o.Lasting; {
		if err := pause(ctx, 5*lookEvery); err != nil {
			return answer{}, err
		}
		var err error
		if left, err = p.unfinished(ctx); err != nil {
			return answer{}, err
		}
	}
	var rows []task.Row
	err := p.db.Read(ctx).Select("seq", "finished_at").Where("finished_at >= ?", begin).Order("finished_at").Find(&rows).Error
	if err != nil {
		return answer{}, fmt.Errorf("read when tasks finished: %w", err)
	}
	var a answer
	for _, row := range rows {
		a.Each = append(a.Each, row.FinishedAt.Sub(begin).Seconds())
	}
	return a, nil
}

// waitOneByOne dispatches one task after the other, with uneven pauses so that they do not keep time with anything that
// looks now and then, and gives how long each took from the call to its start.
func (p *player) waitOneByOne(ctx context.Context, o order) (answer, error) {
	var a answer
	for n := range o.Count {
		if err := pause(ctx, time.Duration(rand.Int64N(int64(o.Lasting)))); err != nil {
			return a, err
		}
		took, err := p.untilStart(ctx, nothingArgs{fmt.Sprint("r", n)})
		if err != nil {
			return a, err
		}
		a.Each = append(a.Each, took.Seconds())
	}
	return a, nil
}

// untilStart dispatches a task, waits for its end and gives the time from the call to its start.
func (p *player) untilStart(ctx context.Context, args task.Args) (time.Duration, error) {
	called := time.Now()
	row, err := p.dispatch(ctx, args)
	if err != nil {
		return 0, err
	}
	for id := row.ID; !row.Final(); {
		if time.Since(called) > stuck {
			return 0, fmt.Errorf("a task has not ended for %s", stuck)
		}
		if err := pause(ctx, lookEvery/4); err != nil {
			return 0, err
		}
		row = &task.Row{}
		if err := p.db.Read(ctx).Where("id = ?", id).Take(row).Error; err != nil {
			return 0, fmt.Errorf("read a task: %w", err)
		}
	}
	if row.State != task.Completed {
		return 0, fmt.Errorf("a task is %s: %s", row.State, row.Error)
	}
	return row.StartedAt.Sub(called), nil
}

func (p *player) dispatch(ctx context.Context, args task.Args) (row *task.Row, err error) {
	err = p.db.InTx(ctx, func(tx *db.Tx) error {
		row, err = p.tasks.Dispatch(ctx, tx, args)
		return err
	})
	return row, err
}

func (p *player) unfinished(ctx context.Context) (int64, error) {
	return p.number(ctx, "SELECT count(*) FROM core_tasks WHERE state IN ('waiting', 'running', 'canceling')")
}

func (p *player) number(ctx context.Context, query string, values ...any) (n int64, err error) {
	if err = p.db.Read(ctx).Raw(query, values...).Scan(&n).Error; err != nil {
		return 0, fmt.Errorf("look how far the tasks are: %w", err)
	}
	return n, nil
}
