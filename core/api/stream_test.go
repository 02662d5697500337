package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
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
func streaming(t *testing.T, log io.Writer, body func(ctx context.Context, to resource.Flow) error) (url string, stop func()) {
	t.Helper()
	return streamingFor(t, log, sendPatience, body)
}

func streamingFor(t *testing.T, log io.Writer, patience time.Duration, body func(ctx context.Context, to resource.Flow) error) (url string, stop func()) {
	t.Helper()
	s := &Server{Options: Options{Log: slog.New(slog.NewTextHandler(log, nil))}, patience: patience}
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
	url, _ := streaming(t, io.Discard, func(_ context.Context, to resource.Flow) error {
		for range 2 {
			_, _ = io.WriteString(to, "piece\n")
			_ = to.Flush()
			<-more
		}
		return nil
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
		url, stop := streaming(t, io.Discard, func(ctx context.Context, to resource.Flow) error {
			_, _ = io.WriteString(to, "the first")
			_ = to.Flush()
			<-ctx.Done()
			return nil
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
		url, _ := streaming(t, io.Discard, func(_ context.Context, to resource.Flow) error {
			for {
				if _, err := to.Write(make([]byte, 1000)); err == nil {
					err = to.Flush()
					if err == nil {
						continue
					}
				}
				close(gone)
				return nil
			}
		})
		_ = get(t, http.MethodGet, url).Body.Close()
		<-gone
	})
	t.Run("at once for a HEAD", func(t *testing.T) {
		t.Parallel()
		calls := make(chan error, 9)
		url, stop := streaming(t, io.Discard, func(ctx context.Context, to resource.Flow) error {
			_, _ = io.WriteString(to, "nobody reads it")
			calls <- ctx.Err()
			return nil
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

// TestAClientThatReadsNothingIsCutOff: one that keeps the connection open and reads nothing must not keep the stream, with
// the place that it has, whether its writer flushes or not.
func TestAClientThatReadsNothingIsCutOff(t *testing.T) {
	t.Parallel()
	for name, flush := range map[string]bool{"flushed": true, "never flushed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cut := make(chan struct{})
			url, _ := streamingFor(t, io.Discard, 50*time.Millisecond, func(_ context.Context, to resource.Flow) error {
				defer close(cut)
				for {
					if _, err := to.Write(make([]byte, 10_000)); err != nil {
						return nil
					}
					if flush && to.Flush() != nil {
						return nil
					}
				}
			})
			client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", url[len("http://"):len(url)-1])
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = client.Close() })
			if err := client.(*net.TCPConn).SetReadBuffer(4096); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			<-cut
		})
	}
}

// TestAStreamThatFailsIsNoWholeAnswer: a client must not take a part for the whole.
func TestAStreamThatFailsIsNoWholeAnswer(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	url, stop := streaming(t, &log, func(_ context.Context, to resource.Flow) error {
		_, _ = io.WriteString(to, "the first part")
		_ = to.Flush()
		return errors.New("the rest is missing")
	})
	brokenOff(t, url)
	stop()
	if !bytes.Contains(log.Bytes(), []byte("the rest is missing")) {
		t.Errorf("the log says %s", log.Bytes())
	}
}

func brokenOff(t *testing.T, url string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
	if err != nil {
		return // before the first byte
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err = io.ReadAll(answer.Body); err == nil {
		t.Error("the client takes a part for the whole")
	}
}

// moved is a connection that counts how often its deadline was moved on.
type moved struct {
	net.Conn
	times int
}

func (m *moved) SetWriteDeadline(time.Time) error { m.times++; return nil }

// TestAClientThatReadsSlowlyHasTimeForEachPart: a long write must not be one deadline's worth.
func TestAClientThatReadsSlowlyHasTimeForEachPart(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	m := &moved{}
	f := &flow{buffer: bufio.NewWriterSize(&got, 16), connection: m}
	if n, err := f.Write(make([]byte, 10*sendPart+1)); n != 10*sendPart+1 || err != nil || m.times != 11 {
		t.Errorf("%d bytes, %v, the deadline moved %d times", n, err, m.times)
	}
	if err := f.Flush(); err != nil || m.times != 12 || got.Len() != 10*sendPart+1 {
		t.Errorf("%v, %d times, %d bytes", err, m.times, got.Len())
	}
}

// TestAPanicOfAStreamIsSurvived: the library would end the process.
func TestAPanicOfAStreamIsSurvived(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	url, stop := streaming(t, &log, func(context.Context, resource.Flow) error { panic("of the stream") })
	brokenOff(t, url)
	stop()
	if !bytes.Contains(log.Bytes(), []byte("of the stream")) || !bytes.Contains(log.Bytes(), []byte("cid=cid")) {
		t.Errorf("the log says %s", log.Bytes())
	}
}
