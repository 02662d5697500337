// Package listen takes TCP connections within bounds. What is beyond them is told so and closed: a client knows at once
// what it is up against, and a load balancer goes on to the next process, while one that waits unheard knows nothing.
package listen

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Options are the bounds of a Listener.
type Options struct {
	// Most is how many connections are open at a time, PerClient how many of them come from one client: an IPv4 address
	// or a /64 network of IPv6, which is what one customer has. 0 is no bound.
	Most, PerClient int
	// Exempt tells whose connections are not counted per client, such as a proxy that brings many; nil: nobody's.
	Exempt func(client netip.Addr) bool
	// Log is told, once a minute at most, of what keeps connections out.
	Log *slog.Logger
}

// Listener is a net.Listener for TCP that keeps to its bounds. It outlives a lack of open files, and may be closed more
// than once: whoever closes it second does not mind the first.
type Listener struct {
	net.Listener
	Options

	closing  sync.Once
	closed   chan struct{}
	closeErr error
	// farewells bounds the connections that are closed politely at a time.
	farewells chan struct{}
	complaint complaint

	full, client atomic.Int64 // refused

	mu      sync.Mutex
	open    map[*conn]struct{}
	clients map[netip.Prefix]int
}

// politely is how many connections are told at a time why they are closed; beyond that they are just closed.
const politely = 128

// New sets bounds to a listener of package net. It panics without a log.
func New(inner net.Listener, o Options) *Listener {
	if o.Log == nil {
		panic("listen.New needs a log")
	}
	return &Listener{
		Listener: inner, Options: o, closed: make(chan struct{}), farewells: make(chan struct{}, politely),
		open: map[*conn]struct{}{}, clients: map[netip.Prefix]int{},
	}
}

// Accept gives the next connection that is within the bounds. The others are answered here.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.patiently()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return c, nil // there is nobody to count
		}
		admitted, why := l.admit(tcp)
		if admitted != nil {
			return admitted, nil
		}
		l.refuse(tcp, why)
	}
}

// admit counts a connection; nil where it is one too many.
func (l *Listener) admit(tcp *net.TCPConn) (*conn, refusal) {
	c := &conn{TCPConn: tcp, listener: l, client: l.clientOf(tcp)}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.Most > 0 && len(l.open) >= l.Most:
		l.full.Add(1)
		return nil, tooManyAll()
	case c.client.IsValid() && l.clients[c.client] >= l.PerClient:
		l.client.Add(1)
		return nil, tooManyClient()
	}
	l.open[c] = struct{}{}
	if c.client.IsValid() {
		l.clients[c.client]++
	}
	return c, refusal{}
}

// clientOf is what a connection is counted under; invalid where it is not.
func (l *Listener) clientOf(tcp *net.TCPConn) netip.Prefix {
	peer, ok := tcp.RemoteAddr().(*net.TCPAddr)
	if !ok || l.PerClient <= 0 {
		return netip.Prefix{}
	}
	address := peer.AddrPort().Addr().Unmap().WithZone("")
	if l.Exempt != nil && l.Exempt(address) {
		return netip.Prefix{}
	}
	bits := 32
	if address.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(address, bits).Masked()
}

// left forgets a connection that has ended.
func (l *Listener) left(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	if !c.client.IsValid() {
		return
	}
	if l.clients[c.client]--; l.clients[c.client] <= 0 {
		delete(l.clients, c.client)
	}
}

// Count tells how many connections are open now, and how many were refused so far because all were taken, or all of
// their client.
func (l *Listener) Count() (open int, full, client int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open), l.full.Load(), l.client.Load()
}

// Break resets all connections that are still open, and tells how many: what is under way must not look complete to
// anybody.
func (l *Listener) Break() int {
	l.mu.Lock()
	all := make([]*conn, 0, len(l.open))
	for c := range l.open {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		_ = c.SetLinger(0) // fails on a connection that has ended already
		_ = c.Close()
	}
	return len(all)
}

// Close takes no more connections; those that are open go on. It always gives what closing gave the first time.
func (l *Listener) Close() error {
	l.closing.Do(func() {
		close(l.closed)
		l.closeErr = l.Listener.Close()
	})
	return l.closeErr
}

var _ net.Listener = (*Listener)(nil)
