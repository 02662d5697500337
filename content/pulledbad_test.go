package content

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestPullFromBadUpstreams: whatever an upstream does that can be told from a file, no client gets something that looks
// complete, nothing is stored, and the file is there as soon as the upstream is right.
func TestPullFromBadUpstreams(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		p := pulling(m, up.URL)
		p.times.Missing = 0
		p = p.begin(func(o *fetch.Options) { o.MostPulled = 2 * big })
		hasty := p.hasty(up.URL)
		var all sync.WaitGroup
		for name, fault := range map[string]upstream.Fault{
			"cut": upstream.Cut(500), "cut-late": upstream.Cut(big - 1), "lying-more": upstream.LyingLength(big + 10), "endless": upstream.Endless(),
			"stall": upstream.Stall(500), "stall-late": upstream.Stall(big - 1), "no-answer": upstream.Stall(-1), "reset": upstream.Reset(500), "reset-late": upstream.Reset(big - 1),
			"dropped": upstream.Drop(), "500": upstream.Status(500), "404": upstream.Status(404), "403": upstream.Status(403), "401": upstream.Status(401),
			"private": upstream.Redirect(302, "http://169.254.169.254/latest/meta-data"), "local": upstream.Redirect(302, "file:///etc/passwd"), "gzip": upstream.Gzip(),
			"too-long": upstream.Long(3 * big), "204": upstream.Status(204),
		} {
			for _, folder := range []string{"", "passed/"} {
				path := folder + name
				body := patternOf(path, big)
				up.Set("/"+path, body)
				up.Always("/"+path, fault)
				at := "p/"
				if strings.HasPrefix(name, "stall") || name == "no-answer" {
					at = hasty
				}
				all.Go(func() {
					for range 2 {
						a := p.get("GET", at+path, nil)
						if a.StatusCode == 200 && a.broken == nil {
							t.Errorf("%s: %d bytes look complete", path, len(a.body))
						}
						want := map[string]int{"404": 404, "403": 502, "401": 502, "private": 502, "local": 502, "gzip": 502, "too-long": 502, "204": 502, "500": 503, "dropped": 503, "no-answer": 503}[name]
						if name == "private" && !strings.Contains(string(a.body), "leads where this server does not go") {
							t.Errorf("%s: %s", path, a.body)
						}
						if want != 0 && a.StatusCode != want || a.StatusCode == 503 && a.Header.Get("Retry-After") == "" {
							t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
						}
					}
					if row, there := p.rows()[path]; there {
						t.Errorf("%s: %+v", path, row)
					}
					up.Always("/"+path, nil)
				})
			}
		}
		all.Wait()
		if stored := m.artifacts(); len(stored) != 0 {
			t.Errorf("%v are stored", stored)
		}
		for _, path := range []string{"cut", "stall-late", "404", "403", "passed/reset"} {
			p.get("GET", "p/"+path, nil).whole(t, patternOf(path, big))
		}
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
		m.until("no lease is left", func() bool { return m.leases() == 0 })
	})
}

// hasty makes another distribution of an upstream, which does not wait long for it, and gives its folder.
func (p *pulls) hasty(address string) string {
	p.t.Helper()
	r := p.mirror.remote("hasty", model.OnDemand)
	p.patience(r, 0.2)
	must(p.t, p.db.InTx(p.t.Context(), func(tx *db.Tx) error { return tx.Model(r).Update("url", address+"/").Error }))
	p.put(&model.Distribution{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.pull", Name: "hasty", BasePath: "hasty", RepositoryID: &p.repo.ID, RemoteID: &r.ID})
	return "hasty/"
}

// TestPullChecksDigests: a file must have the digest that the upstream gives with it.
func TestPullChecksDigests(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	header := make(chan [2]string, 1)
	unframed := false
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := <-header
		w.Header().Set(given[0], given[1])
		if unframed {
			w.Header().Set("Connection", "close")
			w.Header().Set("Transfer-Encoding", "identity")
		}
		_, _ = w.Write([]byte("text"))
		_ = http.NewResponseController(w).Flush()
	}))
	t.Cleanup(up.Close)
	p := pulling(m, up.URL).begin(nil)
	right := "sha-256=:mC2ePrmW9VnmM/TRlN7zdh2Qn1o7ZH0ahR/q1nwyydE=:"
	for i, c := range []struct {
		name, value string
		unframed    bool
		status      int
	}{
		{"Repr-Digest", right, false, 200},
		{"Repr-Digest", "sha-512=:AAAA:, " + right, false, 200},
		{"Content-Digest", "sha-256=:" + strings.Repeat("A", 43) + "=:", false, 502},
		{"X-Checksum-Sha256", digestOf([]byte("text")), false, 200},
		{"X-Checksum-Sha256", digestOf([]byte("other")), false, 502},
		{"X-Checksum-Sha256", "nonsense", false, 200},
		{"X-Nothing", "x", true, 502},
		{"X-Checksum-Sha256", digestOf([]byte("text")), true, 200},
	} {
		unframed = c.unframed
		header <- [2]string{c.name, c.value}
		a := p.get("GET", fmt.Sprint("p/", i, c.name), nil)
		if want := digestOf([]byte("text")); a.StatusCode != c.status || c.status == 200 && digestOf(a.body) != want {
			t.Errorf("%+v: %d %s", c, a.StatusCode, a.body)
		}
	}
}

// TestPullLeavesUpstreamsAlone: an upstream in trouble is left alone for a while, and one that is asked for too much at once
// is not asked for more.
func TestPullLeavesUpstreamsAlone(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up := newOrigin(t)
	up.fail = 500
	none := int64(0)
	p := pulling(m, up.URL)
	must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Model(p.remote).Update("max_retries", &none).Error }))
	p = p.begin(func(o *fetch.Options) { o.Rest = time.Hour })
	for range 3 {
		if a := p.get("GET", "p/f", nil); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
			t.Errorf("%d %v", a.StatusCode, a.Header)
		}
	}
	if up.count() != 1 {
		t.Errorf("%d requests", up.count())
	}
	hold := make(chan struct{})
	up.set(func() { up.fail, up.hold, up.asked = 0, hold, nil })
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	const most, queue, more = 8, 64, 5
	for i := range most + queue + more {
		path := fmt.Sprint("many", i)
		up.set(func() { up.files["/"+path] = path })
		all.Go(func() {
			a := p.get("GET", "p/"+path, nil)
			mu.Lock()
			defer mu.Unlock()
			statuses[a.StatusCode]++
		})
	}
	m.until("those are refused who find no place", func() bool { mu.Lock(); defer mu.Unlock(); return statuses[503] == more })
	if up.count() > most {
		t.Errorf("%d requests at once", up.count())
	}
	close(hold)
	all.Wait()
	if statuses[200] != most+queue {
		t.Errorf("%v", statuses)
	}
}
