package tasks

import (
	"context"
	"errors"
	"time"
)

// sweeper makes up, every few seconds, for what got lost. Every worker has one; that many do the same at once is safe,
// because each step is a conditional change of one row.
type sweeper struct {
	t       *Tasks
	process *process
	stop    context.CancelFunc
	done    chan struct{}
}

func (t *Tasks) startSweeper(ctx context.Context, p *process) *sweeper {
	ctx, stop := context.WithCancel(ctx)
	s := &sweeper{t: t, process: p, stop: stop, done: make(chan struct{})}
	go s.keepSweeping(ctx)
	return s
}

func (s *sweeper) keepSweeping(ctx context.Context) {
	defer close(s.done)
	every := time.NewTicker(s.t.o.SweepEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.t.log.Warn("a sweep was not complete, the next one follows", "error", err)
		}
	}
}

// end stops the sweeper and waits for the sweep that is under way.
func (s *sweeper) end() {
	s.stop()
	<-s.done
}

// sweep does one round. A step that fails does not keep the others from being done.
func (s *sweeper) sweep(ctx context.Context) error {
	var faults []error
	if s.process.mayJudge() {
		faults = append(faults, s.t.buryMissing(ctx, s.process))
	}
	return errors.Join(append(faults,
		s.t.settleOrphans(ctx),
		s.t.releaseStranded(ctx),
		s.t.unblockAll(ctx),
		s.t.fireDue(ctx),
		s.t.clearFolders(ctx),
	)...)
}

// Recover settles, before the first worker of the only process of an installation starts, everything that earlier
// processes have left, without waiting for their time to pass. It must not be called
// where other processes may be running.
func (t *Tasks) Recover(ctx context.Context) error {
	return errors.Join(
		t.buryAll(ctx),
		t.settleOrphans(ctx),
		t.unblockAll(ctx),
		t.clearFolders(ctx),
	)
}
