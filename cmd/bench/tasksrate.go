package main

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
)

// dispatchers is how many goroutines dispatch, and how many do what the peers do.
const dispatchers = 8

// taskRates measures how many tasks that do nothing come from the dispatch call to their end in a second, beside what
// the same database and queue do without the machine, and beside a machine whose table is full of finished tasks.
func (b *bench) taskRates(ctx context.Context, c *crew) error {
	full, err := b.crewWithPast(ctx, c.mode)
	if err != nil {
		return err
	}
	defer full.stopAndSay()
	peers, err := openPeers(ctx, c)
	if err != nil {
		return err
	}
	defer peers.close()
	bound := 1000.0
	if c.mode == embedded {
		bound = 500
	}
	rate := figure{Work: "tasks", Mode: c.mode, What: "durable tasks that do nothing, 8 dispatchers, call to final state", Unit: "/s", Goal: atLeast(bound),
		PeerWhat: "inserts of such a row, 8 at a time"}
	past := figure{Work: "tasks", Mode: c.mode, What: fmt.Sprintf("the same with %d finished ones in the table", b.past()), Unit: "/s", Goal: ratioAtLeast(0.7), PeerWhat: "without"}
	bare := figure{Work: "tasks", Mode: c.mode, What: "beside it: bare transactions that read and change a row, 8 at a time", Unit: "/s"}
	plain := figure{Work: "tasks", Mode: c.mode, What: "beside it: plain asynq, enqueued to handled", Unit: "/s"}
	for range b.runs() {
		for _, one := range []struct {
			into    *[]float64
			measure func() (float64, error)
		}{
			{&rate.Runs, func() (float64, error) { return b.taskRate(c) }},
			{&past.Runs, func() (float64, error) { return b.taskRate(full) }},
			{&rate.Peer, func() (float64, error) { return peers.inserts(ctx, b.sized(3000, 1000)) }},
			{&bare.Runs, func() (float64, error) { return peers.changes(ctx, b.sized(3000, 1000)) }},
			{&plain.Runs, func() (float64, error) { return peers.asynq(ctx, b.sized(10000, 3000)) }},
		} {
			got, err := one.measure()
			if err != nil {
				return err
			}
			*one.into = append(*one.into, got)
		}
	}
	past.Peer = rate.Runs
	for _, f := range []figure{rate, plain, bare, past} {
		b.report(f)
	}
	return b.taskMemory(c.mode, fmt.Sprintf("memory of the worker with %d finished tasks, after %d more", b.past(), b.runs()*b.rated()), full, c)
}

// rated is how many tasks one run of a rate has.
func (b *bench) rated() int { return b.sized(3000, 600) }

func (b *bench) past() int { return b.sized(100_000, 20_000) }

// taskRate is one run.
func (b *bench) taskRate(c *crew) (float64, error) {
	o := order{Do: "run", Count: b.rated(), Clients: dispatchers, Resources: 1000}
	a, err := c.dispatcher.obey(o)
	if err != nil {
		return 0, err
	}
	return float64(o.Count) / a.Seconds, nil
}

// taskMemory compares the memory of the workers of two crews.
func (b *bench) taskMemory(mode, what string, c, empty *crew) error {
	got, err := c.worker.memory("VmRSS")
	if err != nil {
		return err
	}
	peer, err := empty.worker.memory("VmRSS")
	if err != nil {
		return err
	}
	b.report(figure{Work: "tasks", Mode: mode, What: what, Unit: "MiB", Runs: []float64{got}, Goal: ratioBelow(1.5), PeerWhat: "without", Peer: []float64{peer}})
	return nil
}

// crewWithPast is a crew at work whose table is full of finished tasks.
func (b *bench) crewWithPast(ctx context.Context, mode string) (*crew, error) {
	c, err := b.crew(ctx, mode)
	if err != nil {
		return nil, err
	}
	if err = c.fillPast(ctx, b.past()); err == nil {
		err = c.work()
	}
	if err != nil {
		c.stopAndSay()
		return nil, err
	}
	return c, nil
}

// fillPast loads finished tasks, of the size of real ones.
func (c *crew) fillPast(ctx context.Context, n int) error {
	d, err := db.Open(ctx, db.Options{URL: c.database})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // everything is written by then
	args := "zeroblob(60)"
	if d.Dialect() == db.Postgres {
		args = "decode(repeat('00', 60), 'hex')"
	}
	l := loader{db: d}
	err = l.insert(ctx, 1, n, `INSERT INTO core_tasks (id, domain_id, name, state, args, logging_cid, worker, reserved_resources, sent_at, unblocked_at, started_at, finished_at, pulp_created, pulp_last_updated)
		SELECT {unit}, {domain}, 'bench.nothing', 'completed', `+args+`, '', 'gone', '["r1","shared:prn:core.domain:x"]', {now}, {now}, {now}, {now}, {now}, {now} FROM s`)
	if err != nil {
		return err
	}
	return l.settled(ctx)
}
