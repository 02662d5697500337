package tasks

import (
	"context"
	"slices"
)

// giveTurns tells others of the tasks that an end made ready and that were not claimed with it, and looks again, beside
// the caller, at those who could not be decided about.
func (t *Tasks) giveTurns(out outcome) {
	if out.ready > len(out.claimed) {
		t.ring()
	}
	if len(out.later) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped { // the sweeper of another process will find them
		t.following.Go(func() { t.follow(out.later) })
	}
}

// follow examines tasks, a few in each transaction.
func (t *Tasks) follow(seqs []int64) {
	for some := range slices.Chunk(seqs, examinedAtOnce) {
		// detached: whoever ended the task before does not wait for those behind it.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		ready, err := t.examine(ctx, some)
		cancel()
		if err != nil {
			t.log.Warn("the next in line could not be examined, the sweeper will do it", "error", err)
			return
		}
		if ready > 0 {
			t.ring()
		}
		if t.stopping() {
			return
		}
	}
}

func (t *Tasks) stopping() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stopped
}
