package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Limits of patience. They only end a wait that has gone wrong; nothing waits longer than it has to.
const (
	readyWithin = 60 * time.Second
	stopWithin  = 10 * time.Second
	pollEvery   = 20 * time.Millisecond
	startTries  = 3
)

// server is one running server and the variable that tells tests where it is.
type server struct {
	name     string
	variable string
	url      string
	quit     syscall.Signal // ends it without saving anything
	command  *exec.Cmd
	gone     chan struct{} // closed when the process has ended
}

// spec says how to start a server.
type spec struct {
	name     string
	variable string
	quit     syscall.Signal
	user     *syscall.Credential // nil: as the user who runs the tests
	command  func(port string) []string
	url      func(port string) string
	ready    func(ctx context.Context, url string) error
}

// start starts a server on a spare port and returns when it answers. A port that was taken between the look and
// the start makes the server end, so a few ports are tried.
func start(ctx context.Context, dir string, s spec) (*server, error) {
	var fault error
	for range startTries {
		running, err := startOn(ctx, dir, s)
		if err == nil {
			say("%s is ready", s.name)
			return running, nil
		}
		if fault = err; ctx.Err() != nil {
			break
		}
	}
	return nil, fault
}

// startOn is one try of start.
func startOn(ctx context.Context, dir string, s spec) (*server, error) {
	port, err := sparePort(ctx)
	if err != nil {
		return nil, err
	}
	log := filepath.Join(dir, s.name+".log")
	out, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", s.name, err)
	}
	defer out.Close()
	args := s.command(port)
	c := exec.Command(args[0], args[1:]...) //nolint:noctx // stop ends it, after the command that needs it
	c.Dir, c.Stdout, c.Stderr = dir, out, out
	c.SysProcAttr = serverAttributes(s.user, s.quit)
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	running := &server{name: s.name, variable: s.variable, url: s.url(port), quit: s.quit, command: c, gone: make(chan struct{})}
	go func() {
		defer close(running.gone)
		_ = c.Wait() // how it ended stands in its log
	}()
	if err := running.wait(ctx, s.ready); err != nil {
		running.stop()
		return nil, fmt.Errorf("wait for %s: %w; its log ends:\n%s", s.name, err, tail(log))
	}
	return running, nil
}

// wait polls until the server answers, ends, or takes too long.
func (s *server) wait(ctx context.Context, ready func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := ready(ctx, s.url)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.gone:
			return fmt.Errorf("it ended by itself (%s)", s.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// stop ends the server, and what it started, and waits for the end.
func (s *server) stop() {
	group := -s.command.Process.Pid
	select {
	case <-s.gone:
		say("%s ended before its time (%s)", s.name, s.command.ProcessState)
		return
	default:
	}
	_ = s.command.Process.Signal(s.quit) // fails only when it is gone already
	select {
	case <-s.gone:
	case <-time.After(stopWithin):
		say("%s does not stop, killing it", s.name)
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-s.gone
	}
}

// sparePort finds a loopback port that nobody listens on now.
func sparePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a spare port: %w", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// tail gives the last lines of a log.
func tail(path string) []byte {
	const most = 4096
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text[max(0, len(text)-most):])
}
