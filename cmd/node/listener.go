package node

import (
	"net"
	"sync"
)

// listener is a net.Listener that may be closed more than once. The HTTP library closes only a listener that it has
// begun to accept from, and takes a second close for a failure; so Run closes as well, and neither minds the other.
type listener struct {
	net.Listener
	once sync.Once
	err  error
}

// Close closes the listener once and always gives what that gave.
func (l *listener) Close() error {
	l.once.Do(func() { l.err = l.Listener.Close() })
	return l.err
}

var _ net.Listener = (*listener)(nil)
