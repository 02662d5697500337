package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// startWithin is how long a server may take to answer after its start.
const startWithin = 30 * time.Second

// daemon is a server that can be ended and started again on the same port.
type daemon struct {
	name string
	log  string
	as   *syscall.Credential // nil: as who runs the driver
	args []string
	// ready asks for a sign of life.
	ready func(ctx context.Context) error
	// quick is the signal that ends the server without saving anything.
	quick syscall.Signal

	// mu is held while the server is being started or is away on purpose, so that faults of one server follow one
	// another.
	mu sync.Mutex
	p  *process
}

// start starts the server and waits until it answers. One that was killed leaves things, such as shared memory in use,
// that only go when the last of its children has gone, so a start that fails is tried again.
func (d *daemon) start(ctx context.Context) error {
	deadline := time.Now().Add(startWithin)
	for {
		p, err := startProcess(d.name, d.log, exec.Command(d.args[0], d.args[1:]...), d.as) //nolint:noctx // end ends it
		if err != nil {
			return err
		}
		d.p = p
		err = until(ctx, p, startWithin, d.ready)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		p.kill()
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// crash ends the server in the middle of everything, lets it be away for some time, and starts it again.
func (d *daemon) crash(ctx context.Context, how syscall.Signal, away time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end(how)
	_ = pause(ctx, away) // the server is started again whatever happens
	return d.start(ctx)
}

// end ends the server and waits for its end.
func (d *daemon) end(how syscall.Signal) {
	if d.p == nil {
		return
	}
	if how != syscall.SIGKILL {
		d.p.signal(how)
		select {
		case <-d.p.gone:
			return
		case <-time.After(5 * time.Second):
		}
	}
	d.p.kill()
}

// stop ends the server for good.
func (d *daemon) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end(d.quick)
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sparePort finds a loopback port that nobody listens on now.
func sparePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a spare port: %w", err)
	}
	defer func() { _ = l.Close() }() // nobody has connected
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
