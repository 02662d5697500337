package content

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/listen"
	"github.com/packhouse/packhouse/core/serve"
)

// waitingFinder is a finder that waits until it is told.
type waitingFinder struct {
	Finder
	asked, release chan bool
}

func (w *waitingFinder) Resolve(ctx context.Context, domain, path string, q *serve.Request) (serve.Result, error) {
	if path == "waits" {
		w.asked <- true
		<-w.release
		path = "small"
	}
	return w.Finder.Resolve(ctx, domain, path, q)
}

// TestAStop: no new connections, idle ones are closed, what is under way comes whole, and an answer that is written now says
// that its connection ends.
func TestAStop(t *testing.T) {
	t.Parallel()
	finder := &waitingFinder{asked: make(chan bool), release: make(chan bool)}
	var options Options
	s := start(t, nil, func(o *Options) {
		finder.Finder = o.Resolver
		o.Resolver = finder
		options = *o
	})
	text := strings.Repeat("0123456789abcdef", 1<<20)
	s.add("big", text)
	s.add("small", "small")
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	listener := listen.New(inner, listen.Options{Log: slog.New(slog.DiscardHandler)})
	s.address = inner.Addr().String()
	app, served := New(options).App(), make(chan error, 1)
	go func() { served <- app.Listener(listener) }()

	get := func(path string) *bufio.Reader {
		return bufio.NewReader(s.send("GET " + prefix + path + " HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	idle := get("small")
	first, err := http.ReadResponse(idle, nil)
	must(t, err)
	_, err = io.Copy(io.Discard, first.Body)
	must(t, err)
	download, waits := get("big"), get("waits")
	head, err := http.ReadResponse(download, nil)
	must(t, err)
	<-finder.asked

	stopped := make(chan error, 1)
	go func() { stopped <- app.Shutdown() }()
	must(t, <-served)
	if c, err := net.Dial("tcp", s.address); err == nil {
		_ = c.Close()
		t.Error("it takes new connections")
	}
	if rest, err := io.ReadAll(idle); err != nil || len(rest) > 0 {
		t.Errorf("an idle connection ended with %q, %v", rest, err)
	}
	select {
	case err := <-stopped:
		t.Fatalf("it stopped before the downloads were done: %v", err)
	default:
	}
	finder.release <- true
	late, err := http.ReadResponse(waits, nil)
	must(t, err)
	if body, err := io.ReadAll(late.Body); err != nil || string(body) != "small" || !late.Close {
		t.Errorf("a late answer: %q, %v, it closes: %v", body, err, late.Close)
	}
	whole, err := io.ReadAll(head.Body)
	if err != nil || string(whole) != text {
		t.Errorf("the download ended after %d bytes, %v", len(whole), err)
	}
	must(t, <-stopped)
	if open, _, _ := listener.Count(); open != 0 {
		t.Errorf("%d connections are open", open)
	}
}
