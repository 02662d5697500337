package cli

import (
	"context"
	"errors"

	"github.com/packhouse/packhouse/cmd/node"
)

// runMachine starts a process of a mode, calls ready (may be nil) once it runs, and lets it run until it is told to stop.
func (c *commands) runMachine(ctx context.Context, mode node.Mode, flags map[string]string, ready func(l *loaded, n *node.Node) error) error {
	l, err := c.load(string(mode), flags)
	if err != nil {
		return err
	}
	children, err := c.children()
	if err != nil {
		return err
	}
	n, err := node.New(ctx, node.Options{Mode: mode, Registry: l.registry, Loaded: l.Loaded, Log: l.log, LogTo: c.Stderr, Terminal: c.Terminal, Version: c.Version, Child: children})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	go c.reload(running, l, n)
	if ready != nil {
		if err := ready(l, n); err != nil {
			stopped, stop := context.WithCancel(ctx)
			stop()
			return errors.Join(err, n.Run(stopped, nil))
		}
	}
	return n.Run(ctx, c.Hurry)
}

// reload reads the key file and opens the access log again whenever somebody asks for it.
func (c *commands) reload(ctx context.Context, l *loaded, n *node.Node) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.Reload:
		}
		if err := n.ReloadKeys(); err != nil {
			l.log.Error("the key file could not be read again", "error", err)
		} else {
			l.log.Info("read the key file again")
		}
		if err := n.ReopenAccessLog(); err != nil {
			l.log.Error("the access log could not be opened again, the old file stays in use", "error", err)
		}
	}
}
