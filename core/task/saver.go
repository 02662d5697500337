package task

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// saver writes what a run has to tell beside its work, in one transaction every so often and once more at the end.
type saver struct {
	run     *Run
	mu      sync.Mutex
	sources []source
	stop    chan struct{}
	done    chan struct{}
}

// source has something to tell now and then.
type source interface {
	// take gives what is new; nil is nothing. What could not be written is given back to it by restore.
	take() news
}

// news are rows that have not been written yet.
type news interface {
	write(tx *db.Tx) error
	restore()
}

// add has a source saved from now on.
func (s *saver) add(ctx context.Context, from source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = append(s.sources, from)
	if s.stop == nil {
		s.stop, s.done = make(chan struct{}), make(chan struct{})
		// detached: the saver ends with the run, not with the part of the work that began the first report.
		go s.keepSaving(context.WithoutCancel(ctx), s.stop, s.done)
	}
}

func (s *saver) keepSaving(ctx context.Context, stop, done chan struct{}) {
	defer close(done)
	every := time.NewTicker(s.run.o.SaveEvery)
	defer every.Stop()
	for {
		select {
		case <-stop:
			return
		case <-every.C:
			if err := s.flush(ctx); err != nil {
				s.run.Log().Debug("what the task tells could not be saved, it will be tried again", "error", err)
			}
		}
	}
}

// close stops the saving and saves for the last time.
func (s *saver) close(ctx context.Context) error {
	s.mu.Lock()
	stop, done := s.stop, s.done
	s.stop = nil
	s.mu.Unlock()
	if stop == nil {
		return nil
	}
	close(stop)
	<-done
	return s.flushForGood(ctx)
}

// flushForGood does not give up while the database is away and ctx has time: there is no later.
func (s *saver) flushForGood(ctx context.Context) error {
	for {
		err := s.flush(ctx)
		if err == nil || !errs.Is(err, errs.Unavailable) {
			return err
		}
		again := time.NewTimer(200 * time.Millisecond)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return err
		}
	}
}

func (s *saver) flush(ctx context.Context) error {
	all := s.take()
	if len(all) == 0 {
		return nil
	}
	err := s.run.o.DB.InTx(ctx, func(tx *db.Tx) error {
		for _, n := range all {
			if err := n.write(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		// A commit whose answer is lost is made again: what is added, the counts of a group and lines of the log, is
		// then there twice.
		for _, n := range all {
			n.restore()
		}
		return fmt.Errorf("save the progress of the task: %w", err)
	}
	return nil
}

// take gathers what is new, in an order that is the same in all runs as far as they write the same rows.
func (s *saver) take() (all []news) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, from := range s.sources {
		if n := from.take(); n != nil {
			all = append(all, n)
		}
	}
	return all
}
