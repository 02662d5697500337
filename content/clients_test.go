package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestManyClientsOneRequest: clients that come at the same time share what one request brings, whoever leaves.
func TestManyClientsOneRequest(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		for _, policy := range []model.Policy{model.OnDemand, model.Streamed} {
			up := upstream.New(t)
			name, body := string(policy), patternOf(string(policy), big)
			up.Set("/f", body)
			up.Script("/f", upstream.Stall(200_000))
			r := m.remote(name, policy)
			m.place(m.unit(name), name, r, up.URL+"/f", body)
			leaving, leave := context.WithCancel(t.Context())
			_, left := m.open(leaving, "GET", "d/"+name, nil)
			if _, err := io.CopyN(io.Discard, left, 200_000-held); err != nil {
				t.Fatal(err)
			}
			<-up.Stalled()
			const clients = 12
			begun, answers := make(chan bool, clients), make(chan *answer, clients)
			for i := range clients {
				go func() {
					if i%4 == 3 {
						begun <- true // it waits for the end
						answers <- m.get("GET", "d/"+name, headers{"Range": "bytes=10-"})
						return
					}
					a, rest := m.open(t.Context(), "GET", "d/"+name, nil)
					head := make([]byte, 200_000-held)
					_, err := io.ReadFull(rest, head)
					begun <- true
					tail, broken := io.ReadAll(rest)
					a.body, a.broken = slices.Concat(head, tail), errors.Join(err, broken)
					answers <- a
				}()
			}
			for range clients {
				<-begun
			}
			leave()
			_ = left.Close()
			up.Release()
			for range clients {
				a := <-answers
				if a.StatusCode == 206 {
					a.StatusCode, a.body = 200, append(bytes.Clone(body[:10]), a.body...)
				}
				a.whole(t, body)
			}
			// Ranges may come after the end, and what is streamed is gone by then.
			if n := up.Count("/f"); n != 1 && policy == model.OnDemand || n > 1+clients/4 {
				t.Errorf("%s: the upstream was asked %d times", policy, n)
			}
		}
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
	})
}

// TestTheLastClientLeaves: what is to be stored is fetched to its end; what is streamed is not fetched for nobody.
func TestTheLastClientLeaves(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		for _, policy := range []model.Policy{model.OnDemand, model.Streamed} {
			body, name := patternOf(string(policy), big), string(policy)
			begun, gone, release := make(chan bool), make(chan bool), make(chan bool)
			up := serveOn(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(big))
				_, _ = w.Write(body[:200_000])
				_ = http.NewResponseController(w).Flush()
				begun <- true
				if policy == model.Streamed {
					<-r.Context().Done()
					close(gone)
					return
				}
				<-release
				_, _ = w.Write(body[200_000:])
			})
			r := m.remote(name, policy)
			c := m.unit(name)
			m.place(c, name, r, up+"/f", body)
			ctx, leave := context.WithCancel(t.Context())
			_, rest := m.open(ctx, "GET", "d/"+name, nil)
			<-begun
			_, err := io.CopyN(io.Discard, rest, 100)
			must(t, err)
			leave()
			_ = rest.Close()
			m.awaitAccess(prefix + "d/" + name)
			if policy == model.Streamed {
				<-gone
				m.until("no spool is left", func() bool { return m.spooled() == 0 })
				if m.attached(c) != "" {
					t.Error("what is streamed was stored")
				}
				continue
			}
			close(release)
			m.until("it is stored", func() bool { return m.attached(c) == digestOf(body) })
		}
	})
}

// TestAClientThatWaitsLeaves: a range of what is streamed is not fetched for a client that has gone, although nothing has
// been written to its connection yet.
func TestAClientThatWaitsLeaves(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	begun, gone := make(chan bool), make(chan bool)
	up := serveOn(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(big))
		_, _ = w.Write(make([]byte, 100_000))
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-r.Context().Done()
		close(gone)
	})
	r := m.remote("r", model.Streamed)
	m.place(m.unit("f"), "f", r, up+"/f", pattern(big))
	ctx, leave := context.WithCancel(t.Context())
	answered := make(chan *answer)
	go func() { answered <- m.getUntil(ctx, "GET", "d/f", headers{"Range": "bytes=0-1"}) }()
	<-begun
	leave()
	if a := <-answered; a.broken == nil {
		t.Errorf("it was answered: %d", a.StatusCode)
	}
	<-gone
	if line := m.awaitAccess(prefix + "d/f"); line["status"] != int64(statusGone) {
		t.Errorf("it was logged as %v", line)
	}
}

// TestAStopEndsFetching: clients are cut off, and nothing is left half-way.
func TestAStopEndsFetching(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		body := pattern(big)
		up.Set("/f", body)
		up.Always("/f", upstream.Stall(200_000))
		r := m.remote("r", model.OnDemand)
		c := m.unit("f")
		m.place(c, "f", r, up.URL+"/f", body)
		a, rest := m.open(t.Context(), "GET", "d/f", nil)
		<-up.Stalled()
		must(t, m.fetcher.Close())
		a.body, a.broken = io.ReadAll(rest)
		if !brokenOff(a.broken) || len(a.body) > 200_000-held {
			t.Errorf("%d bytes, %v", len(a.body), a.broken)
		}
		if late := m.get("GET", "d/f", nil); late.StatusCode != 503 {
			t.Errorf("after the stop: %d %q", late.StatusCode, late.body)
		}
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
		if n := len(m.artifacts()) + len(m.blobsStored()); n != 0 || m.attached(c) != "" {
			t.Errorf("%d things are left", n)
		}
	})
}

// serveOn runs an upstream of one handler.
func serveOn(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
