package listen

import (
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Pauses between tries to take a connection, while something is short.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

// patiently takes a connection. What passes by itself, such as a lack of open files, is waited for: the connection waits
// too, in the backlog of the system, and a server that gives up would take everybody's downloads with it.
func (l *Listener) patiently() (net.Conn, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		c, err := l.Listener.Accept()
		if err == nil || !passes(err) {
			return c, err
		}
		l.complain("connections have to wait; is the number of open files of this process too small for max_connections?", "error", err)
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-l.closed:
			wait.Stop()
			return nil, net.ErrClosed
		}
	}
}

// passes tells whether the next try may do better.
func passes(err error) bool {
	number, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains([]syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR,
	}, number)
}

// complaint is when the log was last told.
type complaint struct {
	mu sync.Mutex
	at time.Time
}

// complain tells the log, once a minute at most.
func (l *Listener) complain(what string, args ...any) {
	l.complaint.mu.Lock()
	defer l.complaint.mu.Unlock()
	if now := time.Now(); l.complaint.at.IsZero() || now.Sub(l.complaint.at) >= time.Minute {
		l.complaint.at = now
		l.Log.Warn(what, args...)
	}
}
