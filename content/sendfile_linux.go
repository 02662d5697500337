package content

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

// sendFile has the kernel send a span of a file with sendfile(2), and waits where the client is slow, up to the deadline
// of the connection. errors.ErrUnsupported says that it has to be copied.
func sendFile(conn, file syscall.RawConn, s span) (sent int64, err error) {
	closed := file.Control(func(from uintptr) {
		waited := conn.Write(func(to uintptr) (done bool) {
			var n int64
			n, done, err = sendSome(int(to), int(from), span{start: s.start + sent, length: s.length - sent})
			sent += n
			return done
		})
		err = errors.Join(err, waited)
	})
	return sent, errors.Join(err, closed)
}

// sendSome sends until the connection takes no more; done is false then.
func sendSome(to, from int, s span) (sent int64, done bool, err error) {
	for sent < s.length {
		offset := s.start + sent
		n, err := syscall.Sendfile(to, from, &offset, int(s.length-sent))
		sent += int64(max(n, 0))
		switch {
		case err == syscall.EAGAIN:
			return sent, false, nil
		case err == syscall.EINTR:
		case err == syscall.EINVAL || err == syscall.ENOSYS || err == syscall.EOPNOTSUPP:
			return sent, true, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		case err != nil:
			return sent, true, fmt.Errorf("sendfile: %w", err)
		case n == 0:
			return sent, true, io.ErrUnexpectedEOF
		}
	}
	return sent, true, nil
}
