package content

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// patient is a connection that notes its deadlines for writing.
type patient struct {
	net.Conn
	deadlines []time.Time
}

func (p *patient) SetWriteDeadline(at time.Time) error {
	p.deadlines = append(p.deadlines, at)
	return nil
}

// source is a stored file of zeros.
type source struct {
	closed int
	fault  any
}

func (s *source) Close() error { s.closed++; return nil }
func (s *source) copyTo(w io.Writer, part span, alive func()) (int64, error) {
	alive()
	alive()
	if s.fault != nil {
		panic(s.fault)
	}
	n, err := io.WriteString(w, strings.Repeat("0", int(part.length)))
	return int64(n), err
}

// TestStalledClients: a body gives its client time for each block, and does not leave that limit to later answers of
// a server that has none.
func TestStalledClients(t *testing.T) {
	t.Parallel()
	for _, flush := range []time.Duration{0, time.Minute} {
		conn, file := &patient{}, &source{}
		b := &body{exchange: &exchange{Server: &Server{}}, bytes: file, conn: conn, flush: flush}
		b.whole(10)
		if n, err := b.WriteTo(io.Discard); n != 10 || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if err := b.Close(); err != nil || file.closed != 1 {
			t.Errorf("closed %d times, %v", file.closed, err)
		}
		if len(conn.deadlines) != 3 || conn.deadlines[0].IsZero() || conn.deadlines[1].IsZero() || conn.deadlines[2].IsZero() != (flush == 0) {
			t.Errorf("the deadlines were %v", conn.deadlines)
		}
	}
}

// TestPanicInABody: nothing above a body recovers in a way that closes the file.
func TestPanicInABody(t *testing.T) {
	t.Parallel()
	b := &body{exchange: &exchange{Server: &Server{}}, bytes: &source{fault: "fell over"}, conn: &patient{}}
	b.whole(10)
	if _, err := b.WriteTo(io.Discard); !errs.Is(err, errs.Internal) {
		t.Errorf("the error is %v", err)
	}
}
