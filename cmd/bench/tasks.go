package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/db"
)

// measureTasks measures tasks that do nothing on repositories of their own: from the dispatch of the first to the end
// of the last, as their rows tell.
func measureTasks(ctx context.Context, b *bench, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	c := s.client()
	count := 200
	repositories := make([]string, count)
	err = each(ctx, count, func(ctx context.Context, i int) (err error) {
		repositories[i], err = c.repository(ctx, fmt.Sprintf("t%03d", i), nil)
		return err
	})
	if err != nil {
		return err
	}
	f := figure{Work: "tasks", Mode: mode, What: "empty modify on 200 repositories, dispatch to last finish", Unit: "/s", Goal: atLeast(120),
		PeerWhat: "transactions that insert one row, 4 at a time"}
	d, err := db.Open(ctx, db.Options{URL: s.database})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // everything was read by then
	for range b.runs() {
		rate, err := tasksPerSecond(ctx, c, repositories)
		if err != nil {
			return err
		}
		peer, err := transactions(ctx, d, 400)
		if err != nil {
			return err
		}
		f.Runs, f.Peer = append(f.Runs, rate), append(f.Peer, peer)
	}
	b.report(f)
	return b.latency(ctx, s, repositories)
}

// each runs f for 0 to n-1, eight at a time.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range n {
		group.Go(func() error { return f(ctx, i) })
	}
	return group.Wait()
}

func tasksPerSecond(ctx context.Context, c *client, repositories []string) (float64, error) {
	n := len(repositories)
	hrefs, done := make([]string, n), make([]taskView, n)
	empty := map[string]any{"add_content_units": []string{}}
	err := each(ctx, n, func(ctx context.Context, i int) (err error) {
		hrefs[i], err = c.send(ctx, http.MethodPost, repositories[i]+"modify/", empty)
		return err
	})
	if err != nil {
		return 0, err
	}
	err = each(ctx, n, func(ctx context.Context, i int) (err error) {
		done[i], err = c.wait(ctx, hrefs[i], 50*time.Millisecond)
		return err
	})
	if err != nil {
		return 0, err
	}
	begin, end := done[0].Created, done[0].Finished
	for _, t := range done {
		if t.Created.Before(begin) {
			begin = t.Created
		}
		if t.Finished.After(end) {
			end = t.Finished
		}
	}
	return float64(n) / end.Sub(begin).Seconds(), nil
}

// latency measures one task at a time on an idle system.
func (b *bench) latency(ctx context.Context, s *system, repositories []string) error {
	c := s.client()
	start := figure{Work: "tasks", Mode: s.mode, What: "one task on an idle system, dispatch to start", Unit: "ms"}
	runs := figure{Work: "tasks", Mode: s.mode, What: "one task on an idle system, start to finish", Unit: "ms"}
	for i := range 20 {
		t, err := c.task(ctx, http.MethodPost, repositories[i]+"modify/", map[string]any{"add_content_units": []string{}})
		if err != nil {
			return err
		}
		start.Runs = append(start.Runs, milliseconds(t.Started.Sub(t.Created)))
		runs.Runs = append(runs.Runs, milliseconds(t.Finished.Sub(t.Started)))
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	b.report(start)
	b.report(runs)
	return nil
}

// transactions is the peer of tasks: small transactions on a table of its own in the same database, in a second.
func transactions(ctx context.Context, d *db.DB, count int) (float64, error) {
	err := d.InTx(ctx, func(tx *db.Tx) error { return tx.Exec("CREATE TABLE IF NOT EXISTS bench_rows (n bigint)").Error })
	if err != nil {
		return 0, err
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(4)
	begin := time.Now()
	for i := range count {
		group.Go(func() error {
			return d.InTx(inner, func(tx *db.Tx) error { return tx.Exec("INSERT INTO bench_rows (n) VALUES (?)", i).Error })
		})
	}
	err = group.Wait()
	return float64(count) / time.Since(begin).Seconds(), err
}
