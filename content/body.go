package content

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/textproto"
	"os"
	"strings"
	"time"
)

// part is a span of the file and the text before it, which is empty unless there are several parts.
type part struct {
	head string
	span span
}

// body is what the HTTP library writes after the headers. Writing fails when bytes are missing, and then the
// connection is broken off: a client must not take a part for the whole.
type body struct {
	*exchange
	bytes stored
	conn  net.Conn
	// flush is how long the server gives the last bytes; 0 is no limit.
	flush time.Duration
	parts []part
	tail  string
	sent  int64
	fault error
}

// whole makes the body the whole file.
func (b *body) whole(size int64) { b.parts = []part{{span: span{length: size}}} }

// several makes the body a multipart/byteranges one (RFC 9110 §14.6) and gives its media type.
func (b *body) several(spans []span, kind string, size int64) string {
	var text strings.Builder
	w := multipart.NewWriter(&text)
	for _, s := range spans {
		header := textproto.MIMEHeader{"Content-Type": {kind}, "Content-Range": {s.contentRange(size)}}
		_, _ = w.CreatePart(header) // a strings.Builder takes everything
		b.parts = append(b.parts, part{head: text.String(), span: s})
		text.Reset()
	}
	_ = w.Close()
	b.tail = text.String()
	return "multipart/byteranges; boundary=" + w.Boundary()
}

// length is the number of bytes that WriteTo writes.
func (b *body) length() int64 {
	n := int64(len(b.tail))
	for _, p := range b.parts {
		n += int64(len(p.head)) + p.span.length
	}
	return n
}

// WriteTo writes everything. It recovers from panics, because nothing else does at this point.
func (b *body) WriteTo(w io.Writer) (n int64, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = panicked(fault)
		}
		b.sent, b.fault = n, err
	}()
	w = &paced{Writer: w, conn: b.conn, alive: b.alive}
	for _, p := range b.parts {
		head, err := io.WriteString(w, p.head)
		n += int64(head)
		if err != nil {
			return n, err
		}
		sent, err := b.bytes.copyTo(w, p.span, b.alive)
		n += sent
		if err != nil {
			return n, fmt.Errorf("send a file: %w", err)
		}
	}
	tail, err := io.WriteString(w, b.tail)
	return n + int64(tail), err
}

// Close is called once, whether the body was written or not.
func (b *body) Close() error {
	b.lastFlush()
	err := b.bytes.Close()
	b.exchange.bytes = b.sent
	if b.fault == nil && b.sent < b.length() {
		b.fault = errDeparted // even the head could not be written
	}
	if b.fault != nil {
		if !gone(b.fault) {
			b.Log.Error("a download was broken off", slog.String("path", b.path), slog.Any("error", b.fault))
		}
		b.reset()
	}
	b.end(b.fault)
	return err
}

// lastFlush hands the time for writing back to the server. One without a limit of its own sets none for the next
// answer either, so ours must not stay.
func (b *body) lastFlush() {
	deadline := time.Time{}
	if b.flush > 0 {
		deadline = time.Now().Add(b.flush)
	}
	_ = b.conn.SetWriteDeadline(deadline) // as in alive
}

// reset makes the coming end of the connection a hard one, for what stands between us and the client: a proxy that
// speaks HTTP/1.0 takes any other end for that of the file. It also frees what a client that is too slow has not taken.
func (b *body) reset() {
	if tcp, ok := b.conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // fails on a connection that has ended already
	}
}

// Read is there because the HTTP library asks for a reader; it copies with WriteTo.
func (b *body) Read([]byte) (int, error) {
	return 0, errors.New("the body of a download can only be written out")
}

// gone tells whether a write failed because the client went away, which is its right.
func gone(err error) bool {
	if _, ours := errors.AsType[*unread](err); ours {
		return false
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok && call.Syscall == "sendfile" && !ofConnection(call.Err) {
		return false // the kernel could not read the file
	}
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, net.ErrClosed) || errors.Is(err, errDeparted)
}

var (
	_ io.WriterTo   = (*body)(nil)
	_ io.ReadCloser = (*body)(nil)
)
