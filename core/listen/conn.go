package listen

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a counted connection. It keeps all that a *net.TCPConn can do, sendfile(2) above all.
type conn struct {
	*net.TCPConn
	listener *Listener
	client   netip.Prefix // invalid: it is not counted per client
	ending   sync.Once
	// polite has the last answer reach a client that is still sending; hard has everything end at once.
	polite, hard atomic.Bool
}

// Linger has Close wait, aside, until the client has stopped sending: to close a connection that has unread bytes
// resets it, and the client loses the answer that says why.
func (c *conn) Linger() { c.polite.Store(true) }

// SetLinger is that of package net; 0 is stronger than Linger.
func (c *conn) SetLinger(seconds int) error {
	if seconds == 0 {
		c.hard.Store(true)
	}
	return c.TCPConn.SetLinger(seconds)
}

// Close ends the connection, once.
func (c *conn) Close() (err error) {
	c.ending.Do(func() {
		if c.polite.Load() && !c.hard.Load() && c.listener.aside(func() { _ = farewell(c.TCPConn); c.listener.left(c) }) {
			return
		}
		err = c.TCPConn.Close()
		c.listener.left(c)
	})
	return err
}

// What a client may still send after the last answer.
const (
	lastBytes = 256 << 10
	lastWait  = 2 * time.Second
)

// farewell ends a connection after what the client is still sending.
func farewell(c *net.TCPConn) error {
	if c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lastWait)) == nil {
		_, _ = io.CopyN(io.Discard, c, lastBytes) // whatever comes, it ends
	}
	return c.Close()
}

// aside does something that takes a moment; false where too much is being done already.
func (l *Listener) aside(do func()) bool {
	select {
	case l.farewells <- struct{}{}:
	default:
		return false
	}
	go func() {
		defer func() { <-l.farewells }()
		do()
	}()
	return true
}

var _ net.Conn = (*conn)(nil)
