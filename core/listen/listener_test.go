package listen

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// inlet is a running listener; took has what it has accepted.
type inlet struct {
	*Listener
	t    *testing.T
	took chan net.Conn
}

func run(t *testing.T, o Options) *inlet {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	l := &inlet{Listener: New(inner, o), t: t, took: make(chan net.Conn, 100)}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			l.took <- c
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
		l.Break()
	})
	return l
}

// dial connects; the other end is what the listener accepts.
func (l *inlet) dial() *net.TCPConn {
	l.t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// refused sends a request and reads an answer that closes the connection.
func (l *inlet) refused(status int, word string) {
	l.t.Helper()
	c := l.dial()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // who is not refused hears nothing
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 100_000)+"\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		l.t.Fatalf("a refused client gets %v", err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status || response.Header.Get("Retry-After") == "" || !response.Close || !strings.Contains(string(body), word) {
		l.t.Errorf("a refused client gets %d %v %q %v", response.StatusCode, response.Header, body, err)
	}
}

// TestBounds: what is beyond them is told so, and taken when there is room again.
func TestBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o      Options
		status int
		word   string
	}{
		"all":    {Options{Most: 2, PerClient: 3}, 503, "this server are taken"},
		"client": {Options{Most: 9, PerClient: 2}, 429, "your address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := run(t, c.o)
			l.dial()
			l.dial()
			first, _ := <-l.took, <-l.took
			l.refused(c.status, c.word)
			l.refused(c.status, c.word)
			if open, full, client := l.Count(); open != 2 || full+client != 2 || (full == 2) != (c.status == 503) {
				t.Errorf("%d are open, %d and %d were refused", open, full, client)
			}
			_ = first.Close()
			_ = first.Close() // counts once
			l.dial()
			<-l.took
			l.refused(c.status, c.word)
		})
	}
}

// TestWhoIsExempt: the connections of a proxy count among all and not as one client's.
func TestWhoIsExempt(t *testing.T) {
	t.Parallel()
	l := run(t, Options{Most: 3, PerClient: 1, Exempt: func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }})
	for range 3 {
		l.dial()
		<-l.took
	}
	l.refused(503, "taken")
}

// TestNobodyIsForgotten: who has left is in no list.
func TestNobodyIsForgotten(t *testing.T) {
	t.Parallel()
	l := run(t, Options{PerClient: 1})
	for range 50 {
		l.dial()
		_ = (<-l.took).Close()
	}
	if open, _, _ := l.Count(); open != 0 || len(l.clients) != 0 {
		t.Errorf("%d are open, %v", open, l.clients)
	}
}

// TestClientsOfIPv6 are networks.
func TestClientsOfIPv6(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	c, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l := New(inner, Options{PerClient: 1, Log: slog.New(slog.DiscardHandler)})
	if got := l.clientOf(c.(*net.TCPConn)); got != netip.MustParsePrefix("::/64") {
		t.Errorf("it is counted as %v", got)
	}
}

// TestALastAnswerArrives although the client is still sending; the one who ends hard gets none of that.
func TestALastAnswerArrives(t *testing.T) {
	t.Parallel()
	for _, hard := range []bool{false, true} {
		l := run(t, Options{})
		c := l.dial()
		if _, err := c.Write(make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		server := (<-l.took).(*conn)
		if _, err := io.ReadFull(server, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		server.Linger()
		if hard {
			_ = server.SetLinger(0)
		}
		_, _ = io.WriteString(server, "no more")
		_ = server.Close()
		got, err := io.ReadAll(c)
		if hard != errors.Is(err, syscall.ECONNRESET) || !hard && string(got) != "no more" {
			t.Errorf("hard %v: the client got %q, %v", hard, got, err)
		}
	}
}

// TestBreak: what is under way ends in a way that nobody takes for its end.
func TestBreak(t *testing.T) {
	t.Parallel()
	l := run(t, Options{})
	c := l.dial()
	_, _ = io.WriteString(<-l.took, "half")
	if n := l.Break(); n != 1 {
		t.Errorf("%d connections were broken", n)
	}
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client saw %v", err)
	}
	if open, _, _ := l.Count(); open != 0 {
		t.Errorf("%d are open", open)
	}
}

// poor is a listener of a system that is short of something.
type poor struct {
	net.Listener
	err   error
	tries int
	until time.Time
}

func (p *poor) Accept() (net.Conn, error) {
	p.tries++
	if time.Now().Before(p.until) {
		return nil, &net.OpError{Op: "accept", Err: p.err}
	}
	c, _ := net.Pipe()
	return c, nil
}

func (p *poor) Close() error { return nil }

// TestAcceptingOutlivesALackOfFiles, without trying as fast as it can.
func TestAcceptingOutlivesALackOfFiles(t *testing.T) {
	t.Parallel()
	for _, number := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		synctest.Test(t, func(t *testing.T) {
			p := &poor{err: number, until: time.Now().Add(time.Minute)}
			l := New(p, Options{Log: slog.New(slog.DiscardHandler)})
			if c, err := l.Accept(); err != nil || c == nil || p.tries < 10 || p.tries > 80 {
				t.Errorf("%v: after %d tries it is %v", number, p.tries, err)
			}
			p.until = time.Now().Add(time.Hour)
			go func() { _ = l.Close() }()
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("a listener that closes gives %v", err)
			}
		})
	}
	p := &poor{err: syscall.EBADF, until: time.Now().Add(time.Hour)}
	l := New(p, Options{Log: slog.New(slog.DiscardHandler)})
	if _, err := l.Accept(); !errors.Is(err, syscall.EBADF) || p.tries != 1 {
		t.Errorf("what does not pass gives %v", err)
	}
}

func TestByFiles(t *testing.T) {
	t.Parallel()
	for limit, want := range map[uint64]int{20: 10, 256: 128, 1024: 448, 1 << 20: mostSensible, ^uint64(0): mostSensible} {
		if got := ByFiles(limit); got != want {
			t.Errorf("%d files are %d connections, want %d", limit, got, want)
		}
	}
	if Files() < 20 {
		t.Error("this process may open nothing")
	}
}
