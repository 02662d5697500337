package tasks

import (
	"context"
	"errors"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// Stop ends everything in the order in which nothing is lost: no more sweeping, no more taking from the queue, the
// running tasks get their grace and are then aborted, and only when the last is settled does the heartbeat end that
// vouches for them. When ctx ends first, what still runs is settled as aborted; nothing that it does afterwards can be
// committed. The machine cannot be started again.
func (t *Tasks) Stop(ctx context.Context) error {
	t.mu.Lock()
	again := t.stopped
	t.stopped = true
	workers, processes := t.workers, t.processes
	t.mu.Unlock()
	if again {
		return nil
	}
	for _, w := range workers {
		w.sweeper.end()
		w.server.Stop()
		close(w.clerk.shut)
	}
	t.drain(ctx)
	var faults []error
	for _, w := range workers {
		w.clerk.end()
		faults = append(faults, w.listener.close())
		w.server.Shutdown()
	}
	t.following.Wait()
	// detached: taking the processes off the list is worth a moment even when the time for stopping is up.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for _, p := range processes {
		faults = append(faults, p.end(last))
	}
	t.bell.close()
	return errors.Join(append(faults, t.queue.close())...)
}

// drain waits for the running tasks, aborts those that outlast the grace, and gives up those that do not listen.
func (t *Tasks) drain(ctx context.Context) {
	idle := t.running.shutdown()
	grace := time.NewTimer(t.o.Grace)
	defer grace.Stop()
	select {
	case <-idle:
		return
	case <-grace.C:
	case <-ctx.Done():
	}
	t.running.abort(errShutdown)
	select {
	case <-idle:
	case <-ctx.Done():
		close(t.abandoned)
		t.settleRest(ctx)
	}
}

// settleRest ends the tasks whose work did not.
func (t *Tasks) settleRest(ctx context.Context) {
	// detached: ctx has ended, the rows still have to be right.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for _, id := range t.running.ids() {
		_, _, err := t.settle(ctx, id, func(_ *db.Tx, row *task.Row) (verdict, bool, error) {
			return asRequested(row, aborted()), row.State != task.Waiting, nil
		})
		if err != nil {
			t.log.Warn("a task could not be settled while stopping, another process will do it", "task", id, "error", err)
		}
	}
}
