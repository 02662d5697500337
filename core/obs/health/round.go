package health

import (
	"context"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// round is one asking of all checks together.
type round struct {
	began  time.Time
	checks []Check
	mu     sync.Mutex
	// open are the checks that have not answered, faults the errors of those that have.
	open   map[string]bool
	faults map[string]error
	done   chan struct{}
}

// look gives what is wrong now, or was a moment ago.
func (h *Health) look(ctx context.Context, checks []Check) (wrong, impaired []string) {
	r := h.current(ctx, checks)
	late := time.NewTimer(max(Patience-time.Since(r.began), 0))
	defer late.Stop()
	select {
	case <-r.done:
	case <-late.C:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.checks {
		switch {
		case !r.open[c.Name] && r.faults[c.Name] == nil:
		case c.Optional:
			impaired = append(impaired, c.Name)
		default:
			wrong = append(wrong, c.Name)
		}
	}
	return wrong, impaired
}

// current gives the round that is under way, or a new one. A check that never answers keeps its round, and the next ones
// wait with it, so that it is not asked again and again.
func (h *Health) current(ctx context.Context, checks []Check) *round {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.round; r != nil {
		select {
		case <-r.done:
			if time.Since(r.began) < Fresh {
				return r
			}
		default:
			return r
		}
	}
	r := &round{began: time.Now(), checks: checks, open: map[string]bool{}, faults: map[string]error{}, done: make(chan struct{})}
	for _, c := range checks {
		r.open[c.Name] = true
	}
	h.round = r
	// detached: the answer is for all who ask, and whoever began may be gone. It has an end of its own.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Patience)
	var asked sync.WaitGroup
	for _, c := range checks {
		asked.Go(func() { r.answered(c, ask(ctx, c)) })
	}
	go func() {
		asked.Wait()
		cancel()
		h.tell(r)
		close(r.done)
	}()
	return r
}

// ask asks one check. A panic of it must not end the process.
func ask(ctx context.Context, c Check) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = errs.New(errs.Internal, "the check of %s panicked: %v", c.Name, fault)
		}
	}()
	return c.Ask(ctx)
}

func (r *round) answered(c Check, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c.Name)
	if err != nil {
		r.faults[c.Name] = err
	}
}

// tell tells the log of what has changed.
func (h *Health) tell(r *round) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range r.checks {
		err := r.faults[c.Name]
		switch failed := err != nil; {
		case failed && !h.failed[c.Name]:
			h.log.Warn("a check of the health fails", "check", c.Name, "needed", !c.Optional, "error", err)
		case !failed && h.failed[c.Name]:
			h.log.Info("a check of the health passes again", "check", c.Name)
		}
		h.failed[c.Name] = err != nil
	}
}
