package remote_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// Each time limit ends what hangs, and names itself.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	short := ptr(0.05)
	for name, c := range map[string]struct {
		fault  upstream.Fault
		change func(*model.Remote)
		says   string
	}{
		"no answer":  {upstream.Stall(-1), func(r *model.Remote) { r.SockReadTimeout = short }, "sock_read_timeout"},
		"no more":    {upstream.Stall(3), func(r *model.Remote) { r.SockReadTimeout = short }, "sock_read_timeout"},
		"too slow":   {upstream.Drip(10 * time.Millisecond), func(r *model.Remote) { r.TotalTimeout = short }, "total_timeout"},
		"total":      {upstream.Stall(-1), func(r *model.Remote) { r.TotalTimeout = short }, "total_timeout"},
		"total body": {upstream.Stall(3), func(r *model.Remote) { r.TotalTimeout = ptr(0.1) }, "total_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, up := newWorld(t), upstream.New(t)
			body := make([]byte, 1000)
			up.Set("/f", body)
			up.Always("/f", c.fault)
			err := w.download(w.client(up.URL, c.change, retries(1)), want(up.URL+"/f", body))
			wantFault(t, err, "PLP0005", errs.Unavailable, c.says, up.URL+"/f", "tried 2 times")
		})
	}
}

// A listener that accepts and says nothing is not connected to: connect_timeout covers the TLS handshake.
func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	silent := upstream.Silent(t)
	err := w.download(w.client("https://"+silent, func(r *model.Remote) { r.ConnectTimeout = ptr(0.05) }, retries(0)), remote.Want{URL: "https://" + silent + "/f"})
	wantFault(t, err, "PLP0005", errs.Unavailable, "connect_timeout")
}

// A slow upstream that goes on is no stalled one, and a slow reader is not the upstream's fault.
func TestSlowIsNotStalled(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	up.Set("/f", []byte("0123456789"))
	up.Always("/f", upstream.Drip(20*time.Millisecond))
	text, err := w.read(w.client(up.URL, func(r *model.Remote) { r.SockReadTimeout = ptr(10.0) }, retries(0)), up.URL+"/f")
	if must(t, err); text != "0123456789" {
		t.Errorf("read %q", text)
	}
}

// Downloads beyond the concurrency wait for a place, whichever client of the row they use.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	up.Set("/f", []byte("some bytes"))
	up.Always("/f", upstream.Stall(2))
	same := row(up.URL, func(r *model.Remote) { r.DownloadConcurrency = ptr(int64(3)) })
	done := make(chan error, 9)
	for range 9 {
		go func() {
			client, err := w.Client(same)
			if err == nil {
				_, err = w.read(client, up.URL+"/f")
			}
			done <- err
		}()
	}
	for range 3 {
		for range 3 {
			<-up.Stalled()
		}
		up.Release()
		for range 3 {
			must(t, <-done)
		}
	}
	if up.Peak() != 3 {
		t.Errorf("%d at the same time, not 3", up.Peak())
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	up.Set("/f", []byte("x"))
	client := w.client(up.URL, func(r *model.Remote) { r.RateLimit = ptr(int64(4)) })
	for range 3 {
		must(t, w.download(client, want(up.URL+"/f", []byte("x"))))
	}
	answer, err := client.HTTP().Do(get(t, up.URL+"/f"))
	must(t, err)
	answer.Body.Close()
	if got := w.clock.waits(); !slices.Equal(got, []time.Duration{250 * time.Millisecond, 250 * time.Millisecond, 250 * time.Millisecond}) {
		t.Errorf("it waited %v", got)
	}
}

// Clients are kept as long as their row is the same, and not without end.
func TestClientsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := row("http://mirror.example.org/")
	first, err := w.Client(r)
	must(t, err)
	if again, _ := w.Client(r); again != first {
		t.Error("the same row gives another client")
	}
	changed := *r
	changed.PulpLastUpdated = r.PulpLastUpdated.Add(time.Microsecond)
	second, _ := w.Client(&changed)
	if second == first {
		t.Error("a changed row gives the old client")
	}
	for i := range 300 {
		w.client(fmt.Sprintf("http://mirror%d.example.org/", i))
	}
	if again, _ := w.Client(&changed); again == second {
		t.Error("nothing was ever forgotten")
	}
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	return r
}

// Many small files come over few connections.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	w, up := newWorld(t), upstream.New(t)
	up.Set("/f", []byte("x"))
	client := w.client(up.URL)
	for range 200 {
		must(t, w.download(client, want(up.URL+"/f", []byte("x"))))
	}
	from := map[string]bool{}
	for _, r := range up.Requests("/f") {
		from[r.RemoteAddr] = true
	}
	if len(from) != 1 {
		t.Errorf("%d connections were made", len(from))
	}
}

func BenchmarkDownload(b *testing.B) {
	w, up := newWorld(b), upstream.New(b)
	body := make([]byte, 1024)
	up.Set("/f", body)
	client, file := w.client(up.URL), want(up.URL+"/f", body)
	b.SetParallelism(5)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			received, err := client.Download(context.WithoutCancel(b.Context()), w.store, file)
			if err != nil {
				b.Error(err)
				return
			}
			if err := received.Cancel(); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	w, up := newWorld(b), upstream.New(b)
	up.Set("/f", make([]byte, 1024))
	client := w.client(up.URL)
	b.SetParallelism(5)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			open, err := client.Open(context.WithoutCancel(b.Context()), up.URL+"/f")
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, open.Body); err != nil {
				b.Error(err)
			}
			open.Body.Close()
		}
	})
}
