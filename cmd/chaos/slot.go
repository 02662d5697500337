package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// slot is the place of one process of a round. Who dies is replaced.
type slot struct {
	base    assignment
	restart time.Duration
	// number makes the seeds of the loads of all processes differ.
	number uint64

	mu      sync.Mutex
	current *process
	born    int
	idle    bool
	closing bool
	// vacant is closed when no more processes follow.
	vacant chan struct{}
}

// keep starts processes one after the other until the slot is closed.
func (s *slot) keep(ctx context.Context) error {
	defer close(s.vacant)
	for {
		p, err := s.next()
		if err != nil || p == nil {
			return err
		}
		select {
		case <-p.gone:
		case <-ctx.Done():
			p.kill()
			return nil
		}
		if pause(ctx, s.restart) != nil {
			return nil
		}
	}
}

// next starts the next process; nil when the slot is closed.
func (s *slot) next() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, nil
	}
	a := s.base
	a.Name = s.nameOf(s.born)
	a.Seed = a.Plan.Seed + s.number<<32 + uint64(s.born)<<48
	a.Idle = s.idle
	s.born++
	text, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(program) //nolint:noctx // keep ends it
	c.Env = append(os.Environ(), roleVariable+"="+string(text))
	s.current, err = startProcess(a.Name, filepath.Join(a.Folder, a.Name+".log"), c, nil)
	return s.current, err
}

// nameOf is the name of the process that was started after so many others.
func (s *slot) nameOf(born int) string { return fmt.Sprintf("%s-%d-%d", s.base.Role, s.number, born) }

// occupant is the process of now; nil before the first.
func (s *slot) occupant() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// hit sends a signal to the process.
func (s *slot) hit(sig syscall.Signal) {
	if p := s.occupant(); p != nil {
		p.signal(sig)
	}
}

// freeze suspends the process for some time.
func (s *slot) freeze(ctx context.Context, d time.Duration) {
	if p := s.occupant(); p != nil {
		p.signal(syscall.SIGSTOP)
		_ = pause(ctx, d) // it goes on whatever happens
		p.signal(syscall.SIGCONT)
	}
}

// endLoad has this process, and those that follow it, dispatch nothing any more.
func (s *slot) endLoad() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = true
	if s.current != nil {
		_ = s.current.input.Close() // it may be gone already
	}
}

// close lets no more processes follow, tells the last one to stop, and wants it to do so in order. That it was killed is
// in order: it may have been told to kill itself.
func (s *slot) close(limit time.Duration) error {
	s.mu.Lock()
	s.closing = true
	p := s.current
	s.mu.Unlock()
	if p == nil || p.ended() {
		<-s.vacant
		return nil
	}
	p.signal(syscall.SIGTERM)
	err := p.await(limit)
	<-s.vacant
	if status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL && !errors.Is(err, errSlow) {
		return nil
	}
	return err
}

// alive gives the name of the process that is running; empty when there is none.
func (s *slot) alive() string {
	if p := s.occupant(); p != nil && !p.ended() {
		return p.name
	}
	return ""
}
