package tasks

import (
	"context"
	"fmt"

	"github.com/hibiken/asynq"

	"github.com/packhouse/packhouse/core/errs"
)

// worker takes ids from the queue and runs their tasks.
type worker struct {
	t       *Tasks
	process *process
	server  *asynq.Server
	sweeper *sweeper
	base    context.Context
}

// StartWorker makes this process a worker: known as one, running tasks, and sweeping. It goes on until Stop,
// whatever becomes of ctx. A Redis that does not answer yet is waited for.
func (t *Tasks) StartWorker(ctx context.Context) error {
	p, err := t.startProcess(ctx, "worker")
	if err != nil {
		return err
	}
	// detached: the work goes on until Stop has given it its time.
	w := &worker{t: t, process: p, server: t.queue.server(t.o, t.log), base: context.WithoutCancel(ctx)}
	if err := w.server.Start(asynq.HandlerFunc(w.deliver)); err != nil {
		return fmt.Errorf("start to take tasks from the queue: %w", err)
	}
	w.sweeper = t.startSweeper(w.base, p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.workers = append(t.workers, w)
	return nil
}

// deliver is called by asynq. An error has the id delivered again, which is right only while the task is not claimed:
// how a task ends is none of asynq's business.
func (w *worker) deliver(ctx context.Context, message *asynq.Task) error {
	id := string(message.Payload())
	if _, known := w.t.kinds[message.Type()]; !known {
		// A task of a plugin that is not enabled here. It waits; the sweeper of a process that knows it sends it again.
		w.t.log.Info("a task of an unknown kind is left waiting", "task", id, "kind", message.Type())
		return nil
	}
	work, cancel := context.WithCancelCause(w.base)
	defer cancel(nil)
	if !w.t.running.enter(id, cancel) {
		return errs.New(errs.Unavailable, "task %s cannot be taken now", id)
	}
	defer w.t.running.leave(id)
	// asynq's context ends with its own lease; the claim must not be cut off in the middle.
	row, err := w.t.claim(w.base, id, w.process.name)
	if err != nil || row == nil {
		return err
	}
	x := execution{t: w.t, row: row, name: w.process.name, ctx: work, cancel: cancel, wake: ctx.Done()}
	x.finish(x.perform())
	return nil
}
