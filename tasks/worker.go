package tasks

import (
	"context"
	"fmt"

	"github.com/hibiken/asynq"
)

// worker runs tasks: wake-ups from the queue, and what others publish, have its clerk look for ready ones.
type worker struct {
	t        *Tasks
	process  *process
	clerk    *clerk
	server   *asynq.Server
	listener *listener
	sweeper  *sweeper
}

// StartWorker makes this process a worker: known as one, running tasks, and sweeping. It goes on until Stop,
// whatever becomes of ctx. A Redis that does not answer yet is waited for.
func (t *Tasks) StartWorker(ctx context.Context) error {
	p, err := t.startProcess(ctx, "worker")
	if err != nil {
		return err
	}
	t.warnOfKindsWithoutChild()
	// detached: the work goes on until Stop has given it its time.
	base := context.WithoutCancel(ctx)
	w := &worker{t: t, process: p, clerk: t.newClerk(base, p.name), server: t.queue.server(t.o, t.log)}
	if err := w.server.Start(asynq.HandlerFunc(w.deliver)); err != nil {
		return fmt.Errorf("start to take wake-ups from the queue: %w", err)
	}
	w.listener = t.queue.listen(w.hear, func() { w.clerk.poke("connected") })
	w.sweeper = t.startSweeper(base, p)
	t.mu.Lock()
	t.workers = append(t.workers, w)
	t.mu.Unlock()
	w.clerk.poke("start")
	return nil
}

// deliver is called by asynq. A wake-up has been heeded when the clerk knows of it.
func (w *worker) deliver(context.Context, *asynq.Task) error {
	w.clerk.poke("queue")
	return nil
}
