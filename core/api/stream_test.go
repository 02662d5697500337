package api

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/resource"
)

// streaming serves one answer at /, and gives its address and what stops it.
func streaming(t *testing.T, log io.Writer, body func(ctx context.Context, to resource.Flow)) (url string, stop func()) {
	t.Helper()
	s := &Server{Options: Options{Log: slog.New(slog.NewTextHandler(log, nil))}}
	part := partOf(func(c *fiber.Ctx) error {
		return s.stream(c, &resource.Answer{Status: 200, Type: "text/event-stream", Headers: map[string]string{"X-One": "1"}, Stream: body}, "cid")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, time.Minute, part) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("the server did not stop well: %v", err)
		}
	})
	t.Cleanup(stop)
	return "http://" + listener.Addr().String() + "/", stop
}

type partOf func(c *fiber.Ctx) error

func (p partOf) Mount(r fiber.Router) { r.Get("/", p); r.Head("/", p) }

func get(t *testing.T, method, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func TestAStreamArrivesAsItIsWritten(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	url, _ := streaming(t, io.Discard, func(_ context.Context, to resource.Flow) {
		for range 2 {
			_, _ = io.WriteString(to, "piece\n")
			_ = to.Flush()
			<-more
		}
	})
	answer := get(t, http.MethodGet, url)
	if answer.Header.Get("Content-Type") != "text/event-stream" || answer.Header.Get("X-One") != "1" || !answer.Close {
		t.Errorf("the headers are %v", answer.Header)
	}
	body := bufio.NewReader(answer.Body)
	for range 2 { // each is read before the next may be written
		if line, err := body.ReadString('\n'); line != "piece\n" || err != nil {
			t.Fatalf("read is %q, %v", line, err)
		}
		more <- struct{}{}
	}
	if rest, err := io.ReadAll(body); len(rest) > 0 || err != nil {
		t.Errorf("the rest is %q, %v", rest, err)
	}
}

func TestAStreamEnds(t *testing.T) {
	t.Parallel()
	t.Run("with the server", func(t *testing.T) {
		t.Parallel()
		url, stop := streaming(t, io.Discard, func(ctx context.Context, to resource.Flow) {
			_, _ = io.WriteString(to, "the first")
			_ = to.Flush()
			<-ctx.Done()
		})
		answer := get(t, http.MethodGet, url)
		stop()
		if _, err := io.ReadAll(answer.Body); err != nil {
			t.Errorf("the client hears %v", err)
		}
	})
	t.Run("with the client", func(t *testing.T) {
		t.Parallel()
		gone := make(chan struct{})
		url, _ := streaming(t, io.Discard, func(_ context.Context, to resource.Flow) {
			for {
				if _, err := to.Write(make([]byte, 1000)); err == nil {
					err = to.Flush()
					if err == nil {
						continue
					}
				}
				close(gone)
				return
			}
		})
		_ = get(t, http.MethodGet, url).Body.Close()
		<-gone
	})
	t.Run("at once for a HEAD", func(t *testing.T) {
		t.Parallel()
		calls := make(chan error, 9)
		url, stop := streaming(t, io.Discard, func(ctx context.Context, to resource.Flow) {
			_, _ = io.WriteString(to, "nobody reads it")
			calls <- ctx.Err()
		})
		if answer := get(t, http.MethodHead, url); answer.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("the headers are %v", answer.Header)
		}
		stop()
		if len(calls) != 1 || <-calls == nil {
			t.Error("the body is not written once, in a context that has ended")
		}
	})
}

// TestAPanicOfAStreamIsSurvived: the library would end the process.
func TestAPanicOfAStreamIsSurvived(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	url, stop := streaming(t, &log, func(context.Context, resource.Flow) { panic("of the stream") })
	_, _ = io.ReadAll(get(t, http.MethodGet, url).Body)
	stop()
	if !bytes.Contains(log.Bytes(), []byte("of the stream")) || !bytes.Contains(log.Bytes(), []byte("cid=cid")) {
		t.Errorf("the log says %s", log.Bytes())
	}
}
