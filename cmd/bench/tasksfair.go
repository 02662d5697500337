package main

import (
	"context"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// fairness measures how long a task of one user waits behind a thousand ready ones of another.
func (b *bench) fairness(c *crew) error {
	const nap = 20 * time.Millisecond
	count := b.sized(1000, 400)
	a, err := c.dispatcher.obey(order{Do: "share", Count: count, Nap: nap})
	if err != nil {
		return err
	}
	f := figure{Work: "tasks", Mode: c.mode, Unit: "task lengths", Goal: below(2),
		What: fmt.Sprintf("one task behind %d ready ones of 20 ms of another user, call to start", count)}
	for _, took := range a.Each {
		f.Runs = append(f.Runs, took/nap.Seconds())
	}
	f.Notes = fmt.Sprintf("%d times, slowest %s", len(f.Runs), short(quantile(f.Runs, 1)))
	b.report(f)
	return nil
}

// share has one user dispatch many tasks, and while at least half of them wait another one a single task now and then;
// it gives how long those took from the call to their start. Then it waits for all.
func (p *player) share(ctx context.Context, o order) (answer, error) {
	users, err := p.users(ctx, "many", "single")
	if err != nil {
		return answer{}, err
	}
	o.Resources = o.Count
	// All at once, so that none is done before the last is there.
	if err := p.pile(task.WithOrigin(ctx, task.Origin{UserID: &users[0]}), o, o.Count); err != nil {
		return answer{}, err
	}
	var a answer
	single := task.WithOrigin(ctx, task.Origin{UserID: &users[1]})
	for len(a.Each) < 20 {
		left, err := p.unfinished(ctx)
		if err != nil {
			return a, err
		}
		if left < int64(o.Count/2) {
			break
		}
		took, err := p.untilStart(single, napArgs{fmt.Sprint("single", len(a.Each)), o.Nap})
		if err != nil {
			return a, err
		}
		a.Each = append(a.Each, took.Seconds())
	}
	if len(a.Each) == 0 {
		return a, fmt.Errorf("most of the tasks of the first user were done before the second user's turn, dispatch more")
	}
	return a, p.settled(ctx)
}

// settled waits until nothing is left to do.
func (p *player) settled(ctx context.Context) error {
	for begin := time.Now(); time.Since(begin) < stuck; {
		left, err := p.unfinished(ctx)
		if err != nil || left == 0 {
			return err
		}
		if err := pause(ctx, 2*lookEvery); err != nil {
			return err
		}
	}
	return fmt.Errorf("tasks are left after %s", stuck)
}

// users makes sure of users of these names, and gives their ids.
func (p *player) users(ctx context.Context, names ...string) (ids []int64, err error) {
	err = p.db.InTx(ctx, func(tx *db.Tx) error {
		ids = nil
		for _, name := range names {
			var id int64
			err := tx.Raw(`INSERT INTO core_users (username, password, date_joined) VALUES (?, '', ?)
				ON CONFLICT (username) DO UPDATE SET password = '' RETURNING id`, name, db.Now()).Scan(&id).Error
			if err != nil {
				return fmt.Errorf("make the user %s: %w", name, err)
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}
