package content

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// leases counts the files that some process fetches.
func (m *mirror) leases() (n int) {
	m.t.Helper()
	must(m.t, m.db.Read(m.t.Context()).Raw("SELECT count(*) FROM core_fetch_leases").Scan(&n).Error)
	return n
}

// file adds a unit of a remote with the policy.
func (m *mirror) file(up *upstream.Server, path string, policy model.Policy, body []byte) *model.Content {
	m.t.Helper()
	up.Set("/"+path, body)
	c := m.unit(path)
	m.place(c, path, m.remote(path, policy), up.URL+"/"+path, body)
	return c
}

func patient1h(o *fetch.Options) { o.Patience = time.Hour }

// TestOneFetchForAllProcesses: clients of another process wait and get the file from the storage; whoever leaves.
func TestOneFetchForAllProcesses(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up, other := upstream.New(t), m.beside(t, patient1h)
		body := pattern(big)
		c := m.file(up, "f", model.OnDemand, body)
		up.Script("/f", upstream.Stall(200_000))
		ctx, leave := context.WithCancel(t.Context())
		_, left := m.open(ctx, "GET", "d/f", nil) // the only client of the process that fetches
		<-up.Stalled()
		const clients = 6
		answers := make(chan *answer, clients)
		for i := range clients {
			go func() {
				if i == 0 {
					answers <- other.get("HEAD", "d/f", nil)
					return
				}
				answers <- other.get("GET", "d/f", nil)
			}()
		}
		<-other.waits
		leave()
		_ = left.Close()
		up.Release()
		for range clients {
			a := <-answers
			if a.Request.Method == "HEAD" {
				a.body = body
			}
			a.whole(t, body)
			if a.Header.Get("Repr-Digest") == "" {
				t.Error("it did not come from the storage")
			}
		}
		if n := up.Count("/f"); n != 1 || m.attached(c) != digestOf(body) || m.leases() != 0 {
			t.Errorf("the upstream was asked %d times; %d leases are left", n, m.leases())
		}
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
	})
}

// TestAProcessThatTakesLong: others fetch for their own clients then, and keep nothing.
func TestAProcessThatTakesLong(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up, other := upstream.New(t), m.beside(t, func(o *fetch.Options) { o.Patience = time.Nanosecond })
		body := pattern(big)
		c := m.file(up, "f", model.OnDemand, body)
		up.Script("/f", upstream.Stall(200_000))
		_, first := m.open(t.Context(), "GET", "d/f", nil)
		<-up.Stalled()
		other.get("GET", "d/f", nil).whole(t, body)
		part := other.get("GET", "d/f", headers{"Range": "bytes=5-9"})
		if part.StatusCode != 206 || !slices.Equal(part.body, body[5:10]) {
			t.Errorf("a part: %d %q", part.StatusCode, part.body)
		}
		if head := other.get("HEAD", "d/f", nil); head.StatusCode != 200 || head.ContentLength != big {
			t.Errorf("the head: %d, %d bytes", head.StatusCode, head.ContentLength)
		}
		if n := len(m.artifacts()) + len(m.blobsStored()); n != 0 || m.attached(c) != "" || m.leases() != 1 {
			t.Errorf("%d things were stored, %d leases", n, m.leases())
		}
		if n := up.Count("/f"); n != 4 {
			t.Errorf("the upstream was asked %d times", n)
		}
		up.Release()
		got, err := io.ReadAll(first)
		if err != nil || !slices.Equal(got, body) {
			t.Errorf("the first client got %d bytes, %v", len(got), err)
		}
		m.until("it is stored", func() bool { return m.attached(c) == digestOf(body) })
		m.until("no lease is left", func() bool { return m.leases() == 0 })
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
	})
}

// TestAProcessThatIsGone: its lease runs out, and who waits takes over.
func TestAProcessThatIsGone(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up, other := upstream.New(t), m.beside(t, patient1h)
		body := pattern(small)
		c := m.file(up, "f", model.OnDemand, body)
		runsOut := func(by time.Duration) {
			must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error {
				now, err := tx.Time()
				if err != nil {
					return err
				}
				return tx.Exec(`INSERT INTO core_fetch_leases (content_id, relative_path, holder, until) VALUES (?, 'f', ?, ?)
					ON CONFLICT (content_id, relative_path) DO UPDATE SET until = excluded.until`, c.ID, ident.New(), now.Add(by)).Error
			}))
		}
		runsOut(time.Hour)
		got := make(chan *answer)
		go func() { got <- other.get("GET", "d/f", nil) }()
		<-other.waits
		if n := up.Count("/f"); n != 0 {
			t.Errorf("the upstream was asked %d times", n)
		}
		runsOut(0)
		(<-got).whole(t, body)
		m.until("it is stored", func() bool { return m.attached(c) == digestOf(body) && m.leases() == 0 })
	})
}

// TestAFailureIsKnownToAll: what one process found out about a source, no other has to find out.
func TestAFailureIsKnownToAll(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		cooling := func(o *fetch.Options) { o.Cooldown = time.Hour }
		up, first, other := upstream.New(t), m.beside(t, cooling), m.beside(t, cooling)
		for name, fault := range map[string]upstream.Fault{"wrong": upstream.Wrong(), "gone": upstream.Status(410)} {
			c := m.file(up, name, model.OnDemand, patternOf(name, small))
			up.Always("/"+name, fault)
			for _, process := range []*mirror{first, other} {
				if a := process.get("GET", "d/"+name, nil); a.StatusCode != 404 {
					t.Errorf("%s: %d", name, a.StatusCode)
				}
			}
			if a := other.get("GET", "d/"+name, nil); a.StatusCode != 404 || !strings.Contains(string(a.body), "is left alone until") {
				t.Errorf("%s: %d %q", name, a.StatusCode, a.body)
			}
			if n := up.Count("/" + name); n != 1 || m.attached(c) != "" {
				t.Errorf("%s: the upstream was asked %d times", name, n)
			}
		}
	})
}

// TestAFailureIsKnownToWhoWaits: a process that has waited for one that failed knows why, and does not ask again.
func TestAFailureIsKnownToWhoWaits(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		begun, release, asked := make(chan bool, 9), make(chan bool), atomic.Int64{}
		url := serveOn(t, func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			begun <- true
			<-release
			http.Error(w, "no more", http.StatusGone)
		})
		other := m.beside(t, func(o *fetch.Options) { o.Cooldown, o.Patience = time.Hour, time.Hour })
		c := m.unit("f")
		m.place(c, "f", m.remote("r", model.OnDemand), url, pattern(small))
		answers := make(chan *answer)
		go func() { answers <- m.get("GET", "d/f", nil) }()
		<-begun
		go func() { answers <- other.get("GET", "d/f", nil) }()
		<-other.waits
		close(release)
		for range 2 {
			if a := <-answers; a.StatusCode != 404 {
				t.Errorf("%d %q", a.StatusCode, a.body)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("the upstream was asked %d times", n)
		}
	})
}

// TestStreamedNeedsNoLease: each process asks for itself, and none waits for another.
func TestStreamedNeedsNoLease(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up, other := upstream.New(t), m.beside(t, nil)
	body := pattern(big)
	m.file(up, "f", model.Streamed, body)
	up.Always("/f", upstream.Stall(200_000))
	answers := make(chan *answer)
	for i := range 6 {
		go func() { answers <- []*mirror{m, other}[i%2].get("GET", "d/f", nil) }()
	}
	for range 2 {
		<-up.Stalled()
	}
	if n := m.leases(); n != 0 {
		t.Errorf("%d leases", n)
	}
	up.Always("/f", nil)
	up.Release()
	for range 6 {
		(<-answers).whole(t, body)
	}
}

// TestAloneNeedsNoLease: nobody is waited for, whatever a killed process has left.
func TestAloneNeedsNoLease(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up, alone := upstream.New(t), m.beside(t, func(o *fetch.Options) { o.Alone, o.Patience = true, time.Hour })
	body := pattern(small)
	c := m.file(up, "f", model.OnDemand, body)
	must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error {
		return tx.Exec("INSERT INTO core_fetch_leases (content_id, relative_path, holder, until) VALUES (?, 'f', ?, ?)", c.ID, ident.New(), time.Now().Add(time.Hour)).Error
	}))
	alone.get("GET", "d/f", nil).whole(t, body)
	m.until("it is stored", func() bool { return m.attached(c) == digestOf(body) })
}
