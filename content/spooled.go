package content

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
)

// What is sent between two looks at the clock, where the kernel sends and where it cannot: the latter is the size of the
// buffer that such a client has.
const (
	directBytes = 256 << 10
	copyBytes   = 64 << 10
)

// flusher is a writer that gathers, in front of the connection.
type flusher interface{ Flush() error }

// copying sends what has come through a buffer.
type copying struct {
	*coming
	flusher

	w      io.Writer
	alive  func()
	buffer []byte
}

func (c *copying) send(s span) (sent int64, err error) {
	if c.buffer == nil {
		c.buffer = make([]byte, copyBytes)
	}
	for sent < s.length {
		n, err := c.d.ReadAt(c.buffer[:min(int64(len(c.buffer)), s.length-sent)], s.start+sent)
		if n == 0 && err != nil {
			return sent, c.broken(err)
		}
		c.alive()
		n, err = c.w.Write(c.buffer[:n])
		sent += int64(n)
		if err != nil {
			return sent, err
		}
	}
	if c.flusher == nil {
		return sent, nil
	}
	return sent, c.Flush() // the client need not wait for what is ready
}

// direct has the kernel send from the spool to the connection. Everybody reads the one open file, each at an offset of its
// own, which package net has no way for: it sends from where a file stands.
type direct struct {
	*copying

	conn, file syscall.RawConn
	refused    bool // by the file system of the spool
}

func (d *direct) send(s span) (sent int64, err error) {
	for sent < s.length && !d.refused {
		d.alive()
		if err := d.Flush(); err != nil { // what comes before this
			return sent, err
		}
		n, err := sendFile(d.conn, d.file, span{start: s.start + sent, length: min(directBytes, s.length-sent)})
		sent += n
		d.refused = errors.Is(err, errors.ErrUnsupported)
		if err != nil && !d.refused && !slow(err, n) {
			return sent, d.reason(err)
		}
	}
	if sent == s.length {
		return sent, nil
	}
	n, err := d.copying.send(span{start: s.start + sent, length: s.length - sent})
	return sent + n, err
}

// reason keeps the connection, which fails when the client has gone, apart from the spool.
func (d *direct) reason(err error) error {
	if _, waiting := errors.AsType[*net.OpError](err); waiting {
		return err
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok && ofConnection(number) {
		return &net.OpError{Op: "sendfile", Net: "tcp", Err: os.NewSyscallError("sendfile", number)}
	}
	return d.broken(err)
}

// ofConnection tells whether what the kernel says of sending a file is about the connection, not about the file.
func ofConnection(err error) bool {
	number, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains([]syscall.Errno{
		syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ENOTCONN, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN,
	}, number)
}
