package content

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// lookEvery is how often a client that waits is looked after.
const lookEvery = time.Second

// errDeparted is why the context of a client that has gone has ended.
var errDeparted = errors.New("the client has gone")

// present gives a context that ends when the client has gone, which the HTTP library does not tell: it looks at the
// connection only when it reads or writes.
func (x *exchange) present() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(x.c.UserContext())
	conn := x.c.Context().Conn()
	if _, ok := conn.(syscall.Conn); ok {
		go watch(ctx, cancel, conn.(syscall.Conn))
	}
	return ctx, func() { cancel(nil) }
}

func watch(ctx context.Context, cancel context.CancelCauseFunc, conn syscall.Conn) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if departed(conn) {
			cancel(errDeparted)
			return
		}
	}
}

// departed looks whether the other side has closed, without taking anything from the connection. Behind a request that
// was sent ahead nothing can be seen; that client counts as present.
func departed(conn syscall.Conn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		waiting := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
		gone = n <= 0 && !waiting
	})
	return gone || err != nil
}

var _ syscall.Conn = (*net.TCPConn)(nil)
