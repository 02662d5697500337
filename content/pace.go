package content

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// A client has stallTimeout for leastBytes of a body: 546 bytes a second, on average over two minutes.
const leastBytes = 64 << 10

// paced is the writer of a body. What is sent in larger spans goes past the buffer of the HTTP library, which takes the
// first error for the last: a client that is slow, but not too slow, gets its time anew.
type paced struct {
	io.Writer
	conn  net.Conn
	alive func()
}

// Flush sends what is gathered.
func (p *paced) Flush() error {
	if f, ok := p.Writer.(flusher); ok {
		return f.Flush()
	}
	return nil
}

// ReadFrom sends what a reader has, with sendfile(2) where that is a file.
func (p *paced) ReadFrom(r io.Reader) (sent int64, err error) {
	limited, bounded := r.(*io.LimitedReader)
	kernel, direct := p.conn.(io.ReaderFrom)
	if !bounded || limited.N <= leastBytes || !direct {
		return io.Copy(p.Writer, r)
	}
	if err := p.Flush(); err != nil {
		return 0, err
	}
	for {
		n, err := kernel.ReadFrom(limited)
		sent += n
		if err == nil || !slow(err, n) {
			return sent, err
		}
		p.alive()
	}
}

// slow tells whether a client that has not taken everything in its time has taken enough to go on.
func slow(err error, taken int64) bool {
	return taken >= leastBytes && errors.Is(err, os.ErrDeadlineExceeded)
}

// alive gives the client time for the next block. A client that takes too little in it loses the connection, and its
// file is closed.
func (b *body) alive() {
	_ = b.conn.SetWriteDeadline(time.Now().Add(b.stall)) // fails on a closed connection only, and so will the write
}

var (
	_ io.ReaderFrom = (*paced)(nil)
	_ flusher       = (*paced)(nil)
)
