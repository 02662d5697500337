package upstream

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Fault is how a request is answered instead of well.
type Fault func(*answer)

// answer is a request that is being answered.
type answer struct {
	http.ResponseWriter
	r        *http.Request
	body     []byte
	found    bool
	server   *Server
	released <-chan struct{}
	done     func() // the request counts no more as being served
}

// well serves the file.
func well(a *answer) {
	if !a.found {
		http.NotFound(a.ResponseWriter, a.r)
		return
	}
	http.ServeContent(a, a.r, "", time.Time{}, bytes.NewReader(a.body))
}

// Write counts what is sent.
func (a *answer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.server.sent[a.r.URL.Path] += int64(n)
	return n, err
}

// promise begins an answer of a length.
func (a *answer) promise(length int) {
	a.Header().Set("Content-Type", "application/octet-stream")
	a.Header().Set("Content-Length", strconv.Itoa(length))
	a.WriteHeader(http.StatusOK)
}

// push sends bytes at once.
func (a *answer) push(p []byte) error {
	if _, err := a.Write(p); err != nil {
		return err
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// first gives the first n bytes of the file.
func (a *answer) first(n int) []byte { return a.body[:min(n, len(a.body))] }

// Good serves well: for a place in a script.
func Good() Fault { return well }

// Body serves these bytes: the file has changed.
func Body(body []byte) Fault { return func(a *answer) { a.body, a.found = body, true; well(a) } }

// Wrong serves as many bytes as the file has, the last one changed.
func Wrong() Fault {
	return func(a *answer) {
		a.body = bytes.Clone(a.body)
		if len(a.body) > 0 {
			a.body[len(a.body)-1] ^= 0xff
		}
		well(a)
	}
}

// Short serves the file without its last n bytes, and says so.
func Short(n int) Fault {
	return func(a *answer) { a.body = a.first(max(0, len(a.body)-n)); well(a) }
}

// Long serves the file with n bytes more, and says so.
func Long(n int) Fault {
	return func(a *answer) { a.body = append(bytes.Clone(a.body), make([]byte, n)...); well(a) }
}

// Cut says the true length, sends the first n bytes and closes the connection in order.
func Cut(n int) Fault {
	return func(a *answer) {
		a.promise(len(a.body))
		_ = a.push(a.first(n))
		panic(http.ErrAbortHandler)
	}
}

// LyingLength says that the file has n bytes and sends it as it is, then closes the connection. HTTP/1.1 only.
func LyingLength(n int) Fault {
	return func(a *answer) {
		raw(a, func(c net.Conn) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", n)
			_, _ = c.Write(a.body)
		})
	}
}

// Unsaid serves the file without a length.
func Unsaid() Fault {
	return func(a *answer) {
		a.WriteHeader(http.StatusOK)
		for half := range len(a.body) / 2 {
			_ = a.push(a.body[half : half+1])
		}
		_ = a.push(a.body[len(a.body)/2:])
	}
}

// Endless sends zeros without a length until the client is gone.
func Endless() Fault {
	return func(a *answer) {
		a.WriteHeader(http.StatusOK)
		for zeros := make([]byte, 64<<10); a.push(zeros) == nil && a.r.Context().Err() == nil; {
		}
	}
}

// Stall sends the head and the first n bytes of the file, tells Stalled, and waits until it is released (it sends the
// rest then) or the client is gone. With n below 0 not even the head is sent before.
func Stall(n int) Fault {
	return func(a *answer) {
		if n >= 0 {
			a.promise(len(a.body))
			_ = a.push(a.first(n))
		}
		a.server.stalled <- a.r.URL.Path
		select {
		case <-a.released:
		case <-a.r.Context().Done():
			return
		}
		a.done()
		if n < 0 {
			well(a)
			return
		}
		_ = a.push(a.body[min(n, len(a.body)):])
	}
}

// Drip sends one byte of the file after each interval, until the client is gone.
func Drip(every time.Duration) Fault {
	return func(a *answer) {
		tick := time.NewTicker(every)
		defer tick.Stop()
		a.promise(len(a.body))
		for i := range a.body {
			select {
			case <-tick.C:
			case <-a.r.Context().Done():
				return
			}
			if a.push(a.body[i:i+1]) != nil {
				return
			}
		}
	}
}

// Reset says the true length, sends the first n bytes and resets the connection. HTTP/1.1 only.
func Reset(n int) Fault {
	return func(a *answer) {
		raw(a, func(c net.Conn) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(a.body))
			_, _ = c.Write(a.first(n))
			reset(c)
		})
	}
}

// Garbage answers with n letters that are no HTTP. HTTP/1.1 only.
func Garbage(n int) Fault {
	return func(a *answer) {
		raw(a, func(c net.Conn) { _, _ = c.Write(append(bytes.Repeat([]byte("x"), n), "\r\n\r\n"...)) })
	}
}

// Drop resets the connection before any answer. HTTP/1.1 only.
func Drop() Fault { return func(a *answer) { raw(a, reset) } }

// Status answers a status, with the words of the status as its body.
func Status(code int) Fault {
	return func(a *answer) { http.Error(a.ResponseWriter, http.StatusText(code), code) }
}

// RetryAfter answers a status with a Retry-After header.
func RetryAfter(code int, value string) Fault {
	return func(a *answer) { a.Header().Set("Retry-After", value); Status(code)(a) }
}

// Redirect sends to a URL, absolute or relative: to itself, to a private address, to another server.
func Redirect(code int, to string) Fault {
	return func(a *answer) { a.Header().Set("Location", to); a.WriteHeader(code) }
}

// Gzip serves the file compressed, whether it was asked for or not.
func Gzip() Fault {
	return func(a *answer) {
		a.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(a)
		_, _ = z.Write(a.body)
		_ = z.Close()
	}
}

// Times gives a fault n times, for Script.
func Times(n int, fault Fault) []Fault {
	all := make([]Fault, n)
	for i := range all {
		all[i] = fault
	}
	return all
}

// raw gives the bare connection, which is closed afterwards.
func raw(a *answer, use func(net.Conn)) {
	c, _, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 has no bare connection; its stream is reset instead
	}
	defer c.Close()
	use(c)
}

// reset closes a connection in a way that the other side notices as a reset.
func reset(c net.Conn) {
	if outer, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = outer.NetConn()
	}
	if one, ok := c.(*net.TCPConn); ok {
		_ = one.SetLinger(0)
	}
	_ = c.Close()
}

// quiet keeps faults that are meant out of the output of tests.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
