package tasks

import (
	"context"
	"errors"
	"sync"
)

// Why the context of a running task was ended.
var (
	errCanceled = errors.New("the task was canceled")
	errLost     = errors.New("the task is no longer run by this process")
	errShutdown = errors.New("the process is being stopped")
	errTooLong  = errors.New("the task took too long to be run immediately")
)

// canceledBy is errCanceled, and says who asked for it.
type canceledBy struct{ name string }

// Error is the text of errCanceled.
func (c canceledBy) Error() string { return errCanceled.Error() }

// Is tells that it is errCanceled.
func (c canceledBy) Is(target error) bool { return target == errCanceled }

// request is the line in the log of the task.
func (c canceledBy) request() string {
	if c.name == "" {
		return "The cancel was requested."
	}
	return "The cancel was requested by " + c.name + "."
}

// registry knows the tasks that this process has in hand, from before the claim until after the end.
type registry struct {
	mu   sync.Mutex
	all  map[string]inHand
	shut bool
	// givenUp are tasks whose work was done while its end could not be written, for whoever finds their rows.
	givenUp map[string]bool
	// idle is closed when the registry is shut and empty.
	idle chan struct{}
}

// inHand is one task: how to end its context, and how to have its row looked at.
type inHand struct {
	cancel context.CancelCauseFunc
	wake   chan struct{}
}

// enter notes a task, unless the process is stopping or has it in hand already. The channel says when the row is to be
// looked at.
func (r *registry) enter(id string, cancel context.CancelCauseFunc) (wake <-chan struct{}, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.all[id]; twice || r.shut {
		return nil, false
	}
	if r.all == nil {
		r.all = map[string]inHand{}
	}
	task := inHand{cancel: cancel, wake: make(chan struct{}, 1)}
	r.all[id] = task
	return task.wake, true
}

// giveUp notes that the end of a task could not be written.
func (r *registry) giveUp(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.givenUp == nil {
		r.givenUp = map[string]bool{}
	}
	r.givenUp[id] = true
}

// gaveUp tells whether the work of a task was done here and its end could not be written.
func (r *registry) gaveUp(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.givenUp[id]
}

func (r *registry) leave(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, id)
	if r.shut && len(r.all) == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
}

// shutdown lets no more tasks in and gives a channel that is closed when the last one has left.
func (r *registry) shutdown() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = true
	idle := make(chan struct{})
	if len(r.all) == 0 {
		close(idle)
	} else {
		r.idle = idle
	}
	return idle
}

// abort ends the contexts of all tasks.
func (r *registry) abort(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, task := range r.all {
		task.cancel(cause)
	}
}

// ids are the tasks in hand.
func (r *registry) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for id := range r.all {
		out = append(out, id)
	}
	return out
}

// cancel ends the context of one task; false when it is not in hand here.
func (r *registry) cancel(id string, cause error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	task, here := r.all[id]
	if here {
		task.cancel(cause)
	}
	return here
}

// wake has the row of one task looked at, if it is in hand here.
func (r *registry) wake(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if task, here := r.all[id]; here {
		select {
		case task.wake <- struct{}{}:
		default:
		}
	}
}
