package content

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestPulledOnce: what nobody has is fetched once for all clients of two processes, stored, made a unit that waits to be
// added, and served from then on without the upstream.
func TestPulledOnce(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		one := pulling(m, up.URL+"/pool").begin(nil)
		two := one.begin(nil)
		for _, size := range []int{0, 1, small, held + 1, big} {
			path := fmt.Sprint("deep/er/f", size)
			body := patternOf(path, size)
			up.Set("/pool/"+path, body)
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() { []*pulls{one, two}[i%2].get("GET", "p/"+path, nil).whole(t, body) })
			}
			all.Wait()
			m.until("it is stored", func() bool { return one.rows()[path].ContentID != nil })
			asked := up.Count("/pool/" + path)
			if asked > 2 { // one, or two when a process came between the end of the one and its row
				t.Errorf("%s was asked for %d times", path, asked)
			}
			row := one.rows()[path]
			if !row.Waiting || row.Refused || row.URL != up.URL+"/pool/"+path {
				t.Errorf("%+v", row)
			}
			for _, p := range []*pulls{one, two} {
				p.get("GET", "p/"+path, nil).whole(t, body)
				a := p.get("HEAD", "p/"+path, nil)
				if a.StatusCode != 200 || a.ContentLength != int64(size) || a.Header.Get("ETag") != `"`+digestOf(body)+`"` {
					t.Errorf("HEAD of %s: %d %v", path, a.StatusCode, a.Header)
				}
				if size > 10 {
					a = p.get("GET", "p/"+path, headers{"Range": "bytes=3-7"})
					if a.StatusCode != 206 || !bytes.Equal(a.body, body[3:8]) {
						t.Errorf("a part of %s: %d", path, a.StatusCode)
					}
				}
			}
			if again := up.Count("/pool/" + path); again != asked {
				t.Errorf("%s was asked for again: %d", path, again)
			}
		}
		up.Set("/pool/unsaid", pattern(big))
		up.Always("/pool/unsaid", upstream.Unsaid())
		if a := one.get("HEAD", "p/unsaid", nil); a.StatusCode != 200 || a.broken != nil || a.ContentLength > 0 {
			t.Errorf("HEAD of a file of unknown size: %d %v %v", a.StatusCode, a.Header, a.broken)
		}
		one.get("GET", "p/unsaid", nil).whole(t, pattern(big))
		if one.tasks.count() < 5 {
			t.Errorf("%d tasks for 5 files", one.tasks.count())
		}
		add, ok := one.tasks.all[0].(repository.AddPulled)
		if !ok || add.Repository != m.repo.ID || add.RepositoryPRN != ident.PRN("raw.repository", m.repo.ID) {
			t.Errorf("%+v", one.tasks.all[0])
		}
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
		m.until("no lease is left", func() bool { return m.leases() == 0 })
	})
}

// TestPullAsksForNoMore: the upstream gets a GET for the path and nothing that the client has sent; HEAD downloads nothing;
// what is missing is remembered by all processes; what is no path of a file is not asked for.
func TestPullAsksForNoMore(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := newOrigin(t)
		up.files["/pool/a b"] = "text"
		one := pulling(m, up.URL+"/pool").begin(nil)
		two := one.begin(nil)
		a := one.get("HEAD", "p/a%20b?token=secret", headers{"Authorization": "Basic c2VjcmV0", "Cookie": "a=b"})
		if a.StatusCode != 200 || a.ContentLength != 4 || len(one.rows()) != 0 {
			t.Errorf("%d %v %v", a.StatusCode, a.Header, one.rows())
		}
		one.get("GET", "p/a%20b?token=secret", headers{"Authorization": "Basic c2VjcmV0", "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "Range": "bytes=0-1"})
		for i, r := range up.asked {
			if want := []string{"HEAD", "GET"}[i]; r.Method != want || r.URL.Path != "/pool/a b" || r.URL.RawQuery != "" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			for _, name := range []string{"Authorization", "Cookie", "X-Forwarded-For", "Range", "If-None-Match"} {
				if r.Header.Get(name) != "" {
					t.Errorf("%s was passed on: %s", name, r.Header.Get(name))
				}
			}
		}
		asked := up.count()
		for i, p := range []*pulls{one, two, one} {
			if a := p.get([]string{"GET", "GET", "HEAD"}[i], "p/none", nil); a.StatusCode != 404 {
				t.Errorf("%d", a.StatusCode)
			}
		}
		if up.count() != asked+1 {
			t.Errorf("what is missing was asked for %d times", up.count()-asked)
		}
		asked = up.count()
		for _, path := range []string{"p/a%2fb", "p/%2e%2e/secret", "p/%252e%252e/secret", "p/x/../../secret", "p//evil.example/x", "p/..;/x", "p/a%5cb", "p/a%00b", "p/dir/"} {
			if a := one.get("GET", path, nil); a.StatusCode != 404 {
				t.Errorf("%s: %d", path, a.StatusCode)
			}
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			if a := one.get(method, "p/new", nil); a.StatusCode != 405 {
				t.Errorf("%s: %d", method, a.StatusCode)
			}
		}
		if up.count() != asked {
			t.Errorf("the upstream was asked for %v", up.asked[asked:])
		}
		if a := one.get("GET", "p/folder", nil); a.StatusCode != 404 || len(m.artifacts()) != 1 {
			t.Errorf("a folder of the upstream: %d %s", a.StatusCode, a.body)
		}
	})
}

// TestPulledAgain: what was kept is asked for again when it is old: the same costs no download, another file takes its place,
// and when the upstream is in trouble or has it no more, what was kept is served.
func TestPulledAgain(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := newOrigin(t)
		up.files["/f"] = "one"
		p := pulling(m, up.URL)
		p.times.Fresh = 0
		p = p.begin(nil)
		get := func(want string) {
			t.Helper()
			p.get("GET", "p/f", nil).whole(t, []byte(want))
		}
		get("one")
		m.until("it is stored", func() bool { return p.rows()["f"].ContentID != nil })
		first := p.rows()["f"]
		tasks := p.tasks.count()
		get("one")
		if r := up.asked[1]; r.Header.Get("If-None-Match") == "" || r.Header.Get("If-Modified-Since") == "" {
			t.Errorf("it was asked for without conditions: %v", r.Header)
		}
		if now := p.rows()["f"]; *now.ContentID != *first.ContentID || !now.CheckedAt.After(first.CheckedAt) || p.tasks.count() != tasks {
			t.Errorf("%+v, %d tasks", now, p.tasks.count())
		}
		if a := p.get("HEAD", "p/f", nil); a.StatusCode != 200 || up.count() != 2 {
			t.Errorf("HEAD of what was kept: %d, %d requests", a.StatusCode, up.count())
		}
		for _, status := range []int{500, 503, 403, 404, 410, 429} {
			up.set(func() { up.fail = status })
			get("one")
		}
		up.set(func() { up.fail = 0; up.files["/f"] = "two" })
		get("two")
		second := p.rows()["f"]
		if *second.ContentID == *first.ContentID || !second.Waiting || p.tasks.count() != tasks+1 || second.PulledAt.Sub(*first.PulledAt) < time.Second {
			t.Errorf("%+v after %+v, %d tasks", second, first, p.tasks.count())
		}
		up.set(func() { up.plain = true }) // without validators it comes again and is the same unit
		get("two")
		if third := p.rows()["f"]; *third.ContentID != *second.ContentID || !third.PulledAt.Equal(*second.PulledAt) || !third.CheckedAt.After(second.CheckedAt) {
			t.Errorf("%+v", third)
		}
		up.set(func() { up.files["/f"] = "three" })
		up.CloseClientConnections()
		up.Close()
		get("two")
	})
}

// TestPullWhenSlow: who asks for what was kept does not wait for a slow upstream, whose answer serves those who come later.
func TestPullWhenSlow(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up := newOrigin(t)
	up.files["/f"] = "one"
	p := pulling(m, up.URL)
	p.times.Fresh = 0
	p = p.begin(func(o *fetch.Options) { o.Slow = time.Millisecond })
	p.get("GET", "p/f", nil).whole(t, []byte("one"))
	m.until("it is stored", func() bool { return p.rows()["f"].ContentID != nil })
	hold := make(chan struct{})
	up.set(func() { up.hold, up.files["/f"] = hold, "two" })
	for range 3 {
		p.get("GET", "p/f", nil).whole(t, []byte("one"))
	}
	if up.count() != 2 {
		t.Errorf("%d requests", up.count())
	}
	before := *p.rows()["f"].ContentID
	up.set(func() { up.hold, up.files["/f"] = nil, "two" })
	close(hold)
	m.until("the new one is stored", func() bool { return *p.rows()["f"].ContentID != before })
}
