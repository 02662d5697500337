package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/errs"
)

// closeGrace is how long a stop in a hurry waits for connections that somebody still uses.
const closeGrace = 2 * time.Second

// where says what runs and at which addresses; a worker has none, or one for its metrics.
func (n *Node) where() []any {
	out := []any{"mode", string(n.o.Mode)}
	if url := n.URL(); url != "" {
		out = append(out, "url", url)
	}
	if n.metricsListener != nil {
		out = append(out, "metrics", n.MetricsURL())
	}
	return out
}

// Run answers requests, and in a worker just lets tasks run, until ctx ends; then it stops in the order that the package
// doc gives. A value or a close on hurry (which may be nil) ends the waiting: what still runs is given up, and the error
// says so. A machine that dies ends the others in order, and its error is given back.
func (n *Node) Run(ctx context.Context, hurry <-chan struct{}) error {
	// detached: requests are served for shutdown_delay after ctx has ended.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	served := make(chan error, 1)
	go func() { served <- n.serve(serving) }()
	n.health.Start(n.checks()...)
	n.o.Log.Info("ready", n.where()...)
	select {
	case err := <-served:
		served <- nil
		if ctx.Err() == nil {
			err = errors.Join(errs.New(errs.Internal, "the HTTP server ended by itself; look into the log and start it again"), err)
		}
		return errors.Join(err, n.stop(ctx, stop, 0, served, hurry))
	case <-ctx.Done():
		n.health.Stop()
		n.o.Log.Info("stopping", "mode", string(n.o.Mode))
		err := n.stop(ctx, stop, n.shutdownDelay(), served, hurry)
		if err == nil {
			n.o.Log.Info("stopped", "mode", string(n.o.Mode))
		}
		return err
	}
}

// stop waits until nobody sends requests here any more, has the HTTP server finish, waits for tasks, then closes everything.
func (n *Node) stop(ctx context.Context, finish func(), delay time.Duration, served <-chan error, hurry <-chan struct{}) error {
	// detached: ctx has ended, and the stopping takes its own time.
	patience, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	go func() {
		select {
		case <-hurry:
			giveUp()
		case <-patience.Done():
		}
	}()
	noticed := time.AfterFunc(delay, finish)
	defer noticed.Stop()
	var faults []error
	select {
	case err := <-served:
		faults = append(faults, err)
	case <-patience.Done():
	}
	faults = append(faults, n.tasks.Stop(patience))
	if patience.Err() == nil {
		return errors.Join(append(faults, n.close())...)
	}
	n.closeSoon()
	return errs.New(errs.Canceled, "stopped in a hurry, requests and tasks that were running were given up")
}

// closeSoon closes everything but waits only a moment for those who do not let go: the process ends anyway.
func (n *Node) closeSoon() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if err := n.close(); err != nil {
			n.o.Log.Warn("not everything could be closed", "error", err)
		}
	}()
	limit := time.NewTimer(closeGrace)
	defer limit.Stop()
	select {
	case <-closed:
	case <-limit.C:
	}
}

// serve answers requests until ctx ends and those that run are done.
func (n *Node) serve(ctx context.Context) error {
	if n.listener != nil {
		// A stop may come before the HTTP server has begun to accept, and then it would not close the listener.
		defer context.AfterFunc(ctx, func() { _ = n.listener.Close() })()
	}
	switch n.o.Mode {
	case Serve:
		return n.late(api.Serve(ctx, n.listener, n.shutdownTimeout(), n.front(), n.api, n.content))
	case API:
		return n.late(api.Serve(ctx, n.listener, n.shutdownTimeout(), n.front(), n.api))
	case Content:
		return n.late(serveAlone(ctx, n.listener, n.shutdownTimeout(), n.content.App(n.front())))
	}
	<-ctx.Done()
	return nil
}

// late breaks off the requests that a server has not finished in its time. A long download is no reason to call a stop a
// failure.
func (n *Node) late(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		n.breakOff()
		return nil
	}
	return err
}

// httpServer is what is needed of the content server's own front.
type httpServer interface {
	Listener(ln net.Listener) error
	ShutdownWithTimeout(timeout time.Duration) error
}

func serveAlone(ctx context.Context, listener net.Listener, grace time.Duration, server httpServer) error {
	done := make(chan error, 1)
	go func() { done <- server.Listener(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if err := server.ShutdownWithTimeout(grace); err != nil {
		return fmt.Errorf("finish the running requests: %w", err)
	}
	return <-done
}
