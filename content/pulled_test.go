package content

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// pulls is a mirror with a distribution "p" that has a remote, and the repository of the mirror.
type pulls struct {
	*mirror
	remote *model.Remote
	row    *model.Distribution
	tasks  *dispatches
	times  serve.PullTimes
}

// dispatches keeps what is dispatched and does nothing of it.
type dispatches struct {
	mu  sync.Mutex
	all []task.Args
}

func (d *dispatches) Dispatch(_ context.Context, tx *db.Tx, a task.Args, _ ...task.Option) (*task.Row, error) {
	tx.AfterCommit(func(context.Context) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.all = append(d.all, a)
	})
	return &task.Row{ID: ident.New()}, nil
}

func (d *dispatches) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all)
}

func pulling(m *mirror, address string) *pulls {
	p := &pulls{mirror: m, tasks: &dispatches{}, times: serve.PullTimes{Fresh: time.Hour, Missing: time.Hour}}
	p.remote = m.remote("pulled", model.OnDemand)
	must(m.t, m.db.InTx(m.t.Context(), func(tx *db.Tx) error { return tx.Model(p.remote).Update("url", address+"/").Error }))
	p.remote.URL = address + "/"
	p.row = &model.Distribution{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.pull", Name: "p", BasePath: "p", RepositoryID: &m.repo.ID, RemoteID: &p.remote.ID}
	m.put(p.row)
	return p
}

// begin starts the server of the pulls, beside those that run already.
func (p *pulls) begin(set func(o *fetch.Options)) *pulls {
	started, m := *p, *p.mirror
	m.fetch(p.t, func(o *fetch.Options) {
		o.Tasks, o.Repositories, o.Missing = p.tasks, map[string]serve.PullRepository{"raw.raw": {KindPath: "repositories/raw/raw", Model: "raw.repository"}}, p.times.Missing
		o.Rest = time.Nanosecond
		if set != nil {
			set(o)
		}
	})
	kind := serve.Kind{PulpType: "raw.pull", PathKeyed: unitType, PullThrough: &serve.PullThrough{Unit: rawUnit}}
	m.start(p.t, func(o *Options) {
		o.Resolver = serve.New(serve.Options{DB: m.db, Kinds: []serve.Kind{kind}, Pull: p.times})
	})
	started.mirror = &m
	return &started
}

// rawUnit makes a unit of every file but those that are to be passed on.
func rawUnit(path string) serve.MakeUnit {
	if strings.HasPrefix(path, "passed/") {
		return nil
	}
	return func(_ context.Context, tx *db.Tx, domain string, a *model.Artifact) (string, string, error) {
		var known []string
		err := tx.Model(&model.ContentArtifact{}).Where("relative_path = ? AND artifact_id = ?", path, a.ID).Pluck("content_id", &known).Error
		if err != nil || len(known) > 0 {
			return strings.Join(known, ""), path, err
		}
		c := &model.Content{Base: model.NewBase(domain), PulpType: unitType, TimestampOfInterest: addedAt, FirstSeenAt: addedAt}
		if err := tx.Create(c).Error; err != nil {
			return "", "", err
		}
		return c.ID, path, tx.Create(&model.ContentArtifact{ContentID: c.ID, RelativePath: path, ArtifactID: &a.ID}).Error
	}
}

// rows are what is known, by path.
func (p *pulls) rows() map[string]model.Pull {
	p.t.Helper()
	var all []model.Pull
	must(p.t, p.db.Read(p.t.Context()).Find(&all).Error)
	byPath := map[string]model.Pull{}
	for _, row := range all {
		byPath[row.Path] = row
	}
	return byPath
}

// origin is an upstream whose files change, with validators, and that may be told to fail.
type origin struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string]string
	fail  int
	plain bool // no validators
	asked []*http.Request
	hold  chan struct{}
}

func newOrigin(t *testing.T) *origin {
	o := &origin{files: map[string]string{}}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *origin) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *origin) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.asked)
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	body, there := o.files[r.URL.Path]
	o.asked = append(o.asked, r)
	fail, plain, hold := o.fail, o.plain, o.hold
	o.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	tag := `"` + digestOf([]byte(body)) + `"`
	switch {
	case fail != 0:
		w.WriteHeader(fail)
	case strings.HasSuffix(r.URL.Path, "/folder"):
		http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
	case strings.HasSuffix(r.URL.Path, "/"):
		_, _ = w.Write([]byte("<html>a listing</html>"))
	case !there:
		http.NotFound(w, r)
	case !plain && r.Header.Get("If-None-Match") == tag:
		w.WriteHeader(http.StatusNotModified)
	default:
		if !plain {
			w.Header().Set("ETag", tag)
			w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write([]byte(body))
	}
}

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
		if third := p.rows()["f"]; *third.ContentID != *second.ContentID {
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

// TestPullAbsencesAreBounded: names at random do not fill the database.
func TestPullAbsencesAreBounded(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := newOrigin(t)
		p := pulling(m, up.URL).begin(nil)
		old := model.Now().Add(-2 * time.Hour)
		rows := make([]model.Pull, 0, 500)
		for i := range 500 {
			rows = append(rows, model.Pull{DistributionID: p.row.ID, Path: fmt.Sprint("old", i), RemoteID: p.remote.ID, URL: "x", CheckedAt: old})
		}
		m.put(&rows)
		p.get("GET", "p/none", nil)
		must(t, p.fetcher.Sweep(t.Context()))
		if left := p.rows(); len(left) != 1 {
			t.Errorf("%d rows are left", len(left))
		}
	})
}

// TestPullStreams: what is passed on is never stored, and nothing is known of it.
func TestPullStreams(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up := newOrigin(t)
	up.files["/f"], up.files["/passed/f"] = "one", "two"
	p := pulling(m, up.URL)
	must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Model(p.remote).Update("policy", model.Streamed).Error }))
	p = p.begin(nil)
	for range 2 {
		p.get("GET", "p/f", nil).whole(t, []byte("one"))
		p.get("GET", "p/passed/f", nil).whole(t, []byte("two"))
	}
	if up.count() != 4 || len(p.rows()) != 0 || len(m.artifacts()) != 0 {
		t.Errorf("%d requests, %v, %v", up.count(), p.rows(), m.artifacts())
	}
}

// TestPullKeepsNothingOfAnotherRemote: what comes from a remote that the distribution does not have any more is passed on to
// those who wait, and that is all.
func TestPullKeepsNothingOfAnotherRemote(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := newOrigin(t)
		up.files["/f"] = "one"
		hold := make(chan struct{})
		up.hold = hold
		p := pulling(m, up.URL).begin(nil)
		done := make(chan *answer)
		go func() { done <- p.get("GET", "p/f", nil) }()
		m.until("it is asked for", func() bool { return up.count() == 1 })
		other := m.remote("other", model.OnDemand)
		must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Model(p.row).Update("remote_id", other.ID).Error }))
		close(hold)
		(<-done).whole(t, []byte("one"))
		m.until("it is done", func() bool { return m.leases() == 0 })
		if len(p.rows()) != 0 || p.tasks.count() != 0 {
			t.Errorf("%v, %d tasks", p.rows(), p.tasks.count())
		}
	})
}

// TestPulledAlgorithms: what is stored has all digests that the settings ask for.
func TestPulledAlgorithms(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up := newOrigin(t)
	up.files["/f"] = "one"
	p := pulling(m, up.URL).begin(nil)
	p.get("GET", "p/f", nil).whole(t, []byte("one"))
	m.until("it is stored", func() bool { return len(m.artifacts()) == 1 })
	var a model.Artifact
	must(t, m.db.Read(t.Context()).Take(&a).Error)
	if a.SHA512 == nil || !slices.Contains([]artifact.Algorithm{artifact.SHA256, artifact.SHA512}, artifact.SHA512) {
		t.Errorf("%+v", a)
	}
	var source model.RemoteArtifact
	must(t, m.db.Read(t.Context()).Take(&source).Error)
	if source.RemoteID != p.remote.ID || source.URL != up.URL+"/f" || source.SHA256 == nil || *source.SHA256 != a.SHA256 || *source.Size != 3 {
		t.Errorf("%+v", source)
	}
}

var _ task.Dispatcher = (*dispatches)(nil)

// TestPullOfFiles: a remote may be a folder of this machine, which has no HEAD.
func TestPullOfFiles(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	folder := filepath.Join(filepath.Dir(m.dir), "import")
	must(t, os.MkdirAll(filepath.Join(folder, "sub"), 0o750))
	must(t, os.WriteFile(filepath.Join(folder, "sub", "f"), []byte("one"), 0o600))
	must(t, os.Symlink("/etc/passwd", filepath.Join(folder, "leads-out")))
	p := pulling(m, "file://"+folder).begin(nil)
	if a := p.get("HEAD", "p/sub/f", nil); a.StatusCode != 200 || a.ContentLength != 3 {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	p.get("GET", "p/sub/f", nil).whole(t, []byte("one"))
	for path, status := range map[string]int{"p/none": 404, "p/leads-out": 502, "p/sub": 502} {
		if a := p.get("GET", path, nil); a.StatusCode != status {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if _, noted := p.rows()["none"]; !noted {
		t.Error("what is missing was not noted")
	}
}

// TestPullForARepositoryOfAnotherType: a repository that takes no such units gets none, and what was pulled is served all the same.
func TestPullForARepositoryOfAnotherType(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up := newOrigin(t)
	up.files["/f"] = "one"
	p := pulling(m, up.URL).begin(func(o *fetch.Options) { o.Repositories = nil })
	p.get("GET", "p/f", nil).whole(t, []byte("one"))
	m.until("it is stored", func() bool { return p.rows()["f"].ContentID != nil })
	if p.rows()["f"].Waiting || p.tasks.count() != 0 {
		t.Errorf("%+v, %d tasks", p.rows()["f"], p.tasks.count())
	}
}
