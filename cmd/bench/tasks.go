package main

import (
	"context"
	"errors"
)

// measureTasks measures tasks: first the machine alone, with tasks that do nothing, dispatched by one process and run by
// another (by one that is both in the embedded mode), then over HTTP against the server.
func measureTasks(ctx context.Context, b *bench, mode string) error {
	return errors.Join(b.tasksAlone(ctx, mode), b.tasksBesidePile(ctx, mode), b.tasksOverHTTP(ctx, mode))
}

// tasksAlone measures a machine that has nothing else to do, or only what finished long ago.
func (b *bench) tasksAlone(ctx context.Context, mode string) error {
	c, err := b.crew(ctx, mode)
	if err != nil {
		return err
	}
	defer c.stopAndSay()
	if err := c.work(); err != nil {
		return err
	}
	return errors.Join(b.idleTasks(ctx, c), b.taskRates(ctx, c), b.fairness(c))
}

// sized gives the full size of something, or a small one when it is to be quick.
func (b *bench) sized(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}
