package main

import (
	"context"
	"fmt"
	"time"
)

// tasksBesidePile measures how fast many tasks that wait for few resources are worked off, beside the rate on an empty
// machine. They are dispatched while no worker runs.
func (b *bench) tasksBesidePile(ctx context.Context, mode string) error {
	c, err := b.crew(ctx, mode)
	if err != nil {
		return err
	}
	defer c.stopAndSay()
	empty, err := b.crew(ctx, mode)
	if err != nil {
		return err
	}
	defer empty.stopAndSay()
	count := b.sized(16_000, 2000)
	if _, err := c.dispatcher.obey(order{Do: "pile", Count: count, Resources: 8}); err != nil {
		return err
	}
	f := figure{Work: "tasks", Mode: mode, Unit: "/s", Goal: ratioAtLeast(0.7), PeerWhat: "dispatched and run on an empty machine",
		What: fmt.Sprintf("%d waiting on 8 resources, worked off", count)}
	if err := empty.work(); err != nil {
		return err
	}
	for range b.runs() {
		rate, err := b.taskRate(empty)
		if err != nil {
			return err
		}
		f.Peer = append(f.Peer, rate)
	}
	if err := c.work(); err != nil {
		return err
	}
	a, err := c.dispatcher.obey(order{Do: "drain", Lasting: time.Duration(b.sized(30, 5)) * time.Second})
	if err != nil {
		return err
	}
	if f.Runs = rates(a.Each, b.runs()); len(f.Runs) == 0 {
		return fmt.Errorf("%d of the %d tasks that waited have finished, too few to tell a rate", len(a.Each), count)
	}
	f.Notes = fmt.Sprintf("%d of them, in %d parts", len(a.Each), len(f.Runs))
	b.report(f)
	return b.taskMemory(mode, fmt.Sprintf("memory of the worker after %d of %d that waited", len(a.Each), count), c, empty)
}

// rates cuts moments, in seconds and in their order, into that many equal parts and gives how many came in a second in
// each. It gives nothing for too few moments.
func rates(moments []float64, parts int) []float64 {
	size := len(moments) / parts
	if size < 2 {
		return nil
	}
	var out []float64
	for i := range parts {
		part := moments[i*size : (i+1)*size]
		if span := part[size-1] - part[0]; span > 0 {
			out = append(out, float64(size-1)/span)
		}
	}
	return out
}
