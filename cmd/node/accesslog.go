package node

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/packhouse/packhouse/core/obs"
	"github.com/packhouse/packhouse/core/obs/access"
	"github.com/packhouse/packhouse/core/obs/trace"
)

// openAccessLog begins the access log of a process that answers requests, where the settings want one.
func (n *Node) openAccessLog(context.Context) (err error) {
	s := n.settings()
	if !s.AccessLog || n.listener == nil {
		return nil
	}
	if n.o.LogTo == nil && s.AccessLogFile == "" && s.AccessLogFormat == access.Structured {
		n.access = access.Through(n.o.Log)
		return nil
	}
	n.access, err = access.Open(access.Options{Format: s.AccessLogFormat, File: s.AccessLogFile, To: n.logTo(), Handler: n.accessHandler, Log: n.o.Log})
	if err != nil {
		return err
	}
	n.later(n.access.Close)
	return nil
}

// logTo is where the log goes.
func (n *Node) logTo() io.Writer {
	if n.o.LogTo == nil {
		return os.Stderr
	}
	return n.o.LogTo
}

// accessHandler gives lines the form that the log has.
func (n *Node) accessHandler(to io.Writer) (slog.Handler, error) {
	s := n.settings()
	log, err := obs.NewLog(to, s.Log.Level, s.Log.Format)
	if err != nil {
		return nil, err
	}
	if s.Telemetry.Endpoint != "" {
		log = trace.Logged(log)
	}
	return log.Handler(), nil
}

// ReopenAccessLog opens the file of the access log anew, if there is one. When that fails the old one stays in use.
func (n *Node) ReopenAccessLog() error {
	if n.access == nil {
		return nil
	}
	return n.access.Reopen()
}
