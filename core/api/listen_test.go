package api

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/listen"
)

// TestAHeadThatIsTooLong is answered, and not just cut off, however much the client goes on sending.
func TestAHeadThatIsTooLong(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, listen.New(inner, listen.Options{Log: slog.New(slog.DiscardHandler)}), time.Minute)
	}()
	c, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 200_000)+"\r\n\r\n")
	}()
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusRequestHeaderFieldsTooLarge || !response.Close {
		t.Errorf("%d %q %v", response.StatusCode, body, err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestHeadsAreWaitedForLessThanBodies: a client that sends its head a byte at a time is not waited for, a large file is.
func TestHeadsAreWaitedForLessThanBodies(t *testing.T) {
	t.Parallel()
	if head := Config().ReadTimeout; head <= 0 || head > time.Minute {
		t.Errorf("a head may take %v", head)
	}
	if body := uploading(nil).ReadTimeout; body < time.Hour {
		t.Errorf("a body may take %v", body)
	}
}
