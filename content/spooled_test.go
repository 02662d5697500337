package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// noMemory stands for what gathers in front of a connection: nothing of a file may come this way.
type noMemory struct{ t *testing.T }

func (n noMemory) Flush() error { return nil }
func (n noMemory) Write(p []byte) (int, error) {
	n.t.Errorf("%d bytes were copied through memory", len(p))
	return len(p), nil
}

// pipe is a connection over TCP.
func pipe(t *testing.T) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	server, err = l.Accept()
	must(t, err)
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return server, client
}

// TestClientsShareTheSpool: however many clients get a file while it comes, none has a buffer of its own: the kernel sends
// to all of them from one open file.
func TestClientsShareTheSpool(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		body := pattern(4*big + 1)
		c := m.file(up, "f", model.OnDemand, body)
		up.Script("/f", upstream.Stall(2*big))
		digest := digestOf(body)
		const clients = 40
		var all sync.WaitGroup
		for i := range clients {
			d, err := m.fetcher.Fetch(t.Context(), ident.DefaultDomain, &serve.Missing{ContentID: c.ID, RelativePath: "f", SHA256: digest})
			must(t, err)
			server, client := pipe(t)
			s := span{start: int64(i), length: int64(len(body) - 2*i)}
			all.Go(func() {
				one := &coming{d: d, ctx: t.Context(), leave: func() {}, conn: server}
				n, err := one.copyTo(noMemory{t}, s, func() {})
				if n != s.length || err != nil {
					t.Errorf("%d bytes were sent, %v", n, err)
				}
				_, _ = server.Close(), one.Close()
			})
			all.Go(func() {
				got, err := io.ReadAll(client)
				if err != nil || !bytes.Equal(got, body[s.start:s.start+s.length]) {
					t.Errorf("%d bytes came, %v", len(got), err)
				}
			})
		}
		<-up.Stalled()
		up.Release()
		all.Wait()
		if n := up.Count("/f"); n != 1 {
			t.Errorf("the upstream was asked %d times", n)
		}
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
	})
}

// TestClientsThatLeave: it is their right, whatever way they are sent to, and no fault of the spool.
func TestClientsThatLeave(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up := upstream.New(t)
	body := pattern(64 * big) // more than the buffers of a connection
	c := m.file(up, "f", model.OnDemand, body)
	d, err := m.fetcher.Fetch(t.Context(), ident.DefaultDomain, &serve.Missing{ContentID: c.ID, RelativePath: "f"})
	must(t, err)
	defer d.Close()
	server, client := pipe(t)
	go func() { _, _ = io.CopyN(io.Discard, client, 100_000); _ = client.Close() }()
	_, err = (&coming{d: d, ctx: t.Context(), conn: server}).copyTo(noMemory{t}, span{length: int64(len(body))}, func() {})
	if err == nil || !gone(err) {
		t.Errorf("a client that leaves is %v", err)
	}
}

// TestWhereTheKernelCannot: what is not a plain connection gets the same bytes through a buffer.
func TestWhereTheKernelCannot(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up := upstream.New(t)
	body := pattern(big)
	c := m.file(up, "f", model.OnDemand, body)
	d, err := m.fetcher.Fetch(t.Context(), ident.DefaultDomain, &serve.Missing{ContentID: c.ID, RelativePath: "f"})
	must(t, err)
	defer d.Close()
	server, client := net.Pipe()
	defer client.Close()
	var got bytes.Buffer
	n, err := (&coming{d: d, ctx: t.Context(), conn: server}).copyTo(&got, span{5, big - 6}, func() {})
	if n != big-6 || err != nil || !bytes.Equal(got.Bytes(), body[5:big-1]) {
		t.Errorf("%d bytes, %v", n, err)
	}
	one := &direct{copying: &copying{coming: &coming{d: d, ctx: t.Context()}, flusher: noMemory{t}, w: &got, alive: func() {}}, refused: true}
	got.Reset()
	if n, err := one.send(span{5, big - 6}); n != big-6 || err != nil || !bytes.Equal(got.Bytes(), body[5:big-1]) {
		t.Errorf("refused: %d bytes, %v", n, err)
	}
	ended, end := context.WithCancelCause(t.Context())
	end(errDeparted)
	if err := (&direct{copying: &copying{coming: &coming{ctx: ended}}}).reason(io.ErrUnexpectedEOF); !errors.Is(err, errDeparted) {
		t.Errorf("a spool that ends early for a client that has gone is %v", err)
	}
}
