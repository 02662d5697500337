package node

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

// TestAStopIsSeenComing: /readyz says no while requests are still taken, for as long as load balancers need.
func TestAStopIsSeenComing(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_SHUTDOWN_DELAY=3600")...)
	n.end()
	n.until("it is not ready any more", func() bool {
		status, answer := n.call("GET", "/readyz", nil)
		return status == http.StatusServiceUnavailable && answer["stopping"] == true
	})
	c, err := net.Dial("tcp", strings.TrimPrefix(n.URL(), "http://"))
	if err != nil {
		t.Fatalf("it takes no new connections: %v", err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /pulp/api/v3/status/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if response, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("a request is answered %v, %v", response, err)
	}
	close(n.hurry)
	if err := n.wait(); !errs.Is(err, errs.Canceled) {
		t.Errorf("stop in a hurry: %v", err)
	}
}

// TestWhatTakesTooLongIsBrokenOff, and the stop is none the worse for it.
func TestWhatTakesTooLongIsBrokenOff(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_SHUTDOWN_TIMEOUT=1")...)
	u := beginUpload(t, n)
	if err := n.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	_ = u.pipe.CloseWithError(io.ErrUnexpectedEOF) // the client waits for it, not for the server
	if status := <-u.status; status != 0 {
		t.Errorf("the upload was answered %d", status)
	}
}

// TestBoundsOfTheSettings: one connection too many is told so, and counted.
func TestBoundsOfTheSettings(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_MAX_CONNECTIONS=20", "PACKHOUSE_MAX_CONNECTIONS_PER_CLIENT=3", "PACKHOUSE_METRICS_LISTEN=127.0.0.1:0")...)
	ask := func() (net.Conn, int) {
		c, err := net.Dial("tcp", strings.TrimPrefix(n.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return c, response.StatusCode
	}
	for i := range 5 {
		want := http.StatusOK
		if i > 2 {
			want = http.StatusTooManyRequests
		}
		if _, status := ask(); status != want {
			t.Errorf("connection %d: %d", i, status)
		}
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), "GET", n.MetricsURL(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	for _, line := range []string{"packhouse_connections 3", "packhouse_connections_max 20", `packhouse_connections_refused_total{why="client"} 2`, `packhouse_connections_refused_total{why="all"} 0`} {
		if err != nil || !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestMostConnections(t *testing.T) {
	t.Parallel()
	if got := mostConnections(7, 1024); got != 7 {
		t.Errorf("the setting gives %d", got)
	}
	if got := mostConnections(0, 1024); got != 448 {
		t.Errorf("1024 files give %d", got)
	}
}
