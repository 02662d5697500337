package content

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestPullsThatDifferAreApart: who asks another upstream than those before him, or has another copy to fall back on, does not
// get what they get.
func TestPullsThatDifferAreApart(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		before, now := newOrigin(t), newOrigin(t)
		hold := make(chan struct{})
		before.files["/f"], before.hold, now.files["/f"] = "one", hold, "two"
		p := pulling(m, before.URL).begin(func(o *fetch.Options) { o.Patience = time.Millisecond })
		done := make(chan *answer)
		go func() { done <- p.get("GET", "p/f", nil) }()
		m.until("it is asked for", func() bool { return before.count() == 1 })
		must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Model(p.remote).Update("url", now.URL+"/").Error }))
		p.get("GET", "p/f", nil).whole(t, []byte("two"))
		close(hold)
		(<-done).whole(t, []byte("one"))
		m.until("it is done", func() bool { return m.leases() == 0 })

		p.get("GET", "p/f", nil).whole(t, []byte("two"))
		m.until("it is stored", func() bool { return p.rows()["f"].ContentID != nil })
		known := p.rows()["f"]
		var a model.Artifact
		must(t, m.db.Read(t.Context()).Where("sha256 = ?", digestOf([]byte("two"))).Take(&a).Error)
		p.remote.URL = now.URL + "/"
		plain := serve.Pull{Path: "f", URL: now.URL + "/f", Remote: p.remote, Unit: rawUnit("f"), Known: &known}
		again := plain
		again.Kept = &serve.Found{Artifact: &a, Path: "f", ContentID: *known.ContentID}
		hold = make(chan struct{})
		now.set(func() { now.hold, now.asked = hold, nil })
		go func() { p.fetcher.Refresh(t.Context(), p.row, &again); done <- nil }()
		m.until("it is asked whether it is the same", func() bool { return now.count() == 1 })
		go func() {
			download, err := p.fetcher.Pull(t.Context(), p.row, &plain)
			if err != nil {
				t.Error(err)
			} else {
				download.Close()
			}
			done <- nil
		}()
		m.until("it is asked for", func() bool { return now.count() == 2 })
		if now.asked[0].Header.Get("If-None-Match") == "" || now.asked[1].Header.Get("If-None-Match") != "" {
			t.Errorf("asked with %v and %v", now.asked[0].Header, now.asked[1].Header)
		}
		close(hold)
		<-done
		<-done
	})
}

// TestPullOfOneBadPath: a path that an upstream chokes on does not take the others along; that there is no way to it does, once
// a second path has met with that.
func TestPullOfOneBadPath(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up := upstream.New(t)
	p := pulling(m, up.URL).begin(func(o *fetch.Options) { o.Rest = time.Hour })
	for name, fault := range map[string]upstream.Fault{"cut": upstream.Cut(500), "cut-too": upstream.Cut(500), "dropped": upstream.Drop(), "dropped-too": upstream.Drop()} {
		up.Set("/"+name, pattern(big))
		up.Always("/"+name, fault)
	}
	for i, c := range []struct {
		path   string
		status int
	}{{"cut", 503}, {"cut-too", 503}, {"good", 200}, {"dropped", 503}, {"dropped", 503}, {"good", 200}, {"dropped-too", 503}, {"good", 200}} {
		path := c.path
		if path == "good" {
			path += fmt.Sprint(i)
			up.Set("/"+path, []byte("text"))
		}
		if a := p.get("GET", "p/"+path, nil); a.StatusCode != c.status {
			t.Errorf("%d: %s is answered with %d %s", i, path, a.StatusCode, a.body)
		}
	}
	up.Set("/last", []byte("text"))
	for _, path := range []string{"gone-1", "gone-2"} {
		up.Set("/"+path, []byte("text"))
		up.Always("/"+path, upstream.Drop())
		p.get("GET", "p/"+path, nil)
	}
	if a := p.get("GET", "p/last", nil); a.StatusCode != 503 || up.Count("/last") != 0 {
		t.Errorf("an upstream to which there is no way was asked again: %d", a.StatusCode)
	}
}

// TestPullHeadSaysNothingOfGet: an upstream that answers HEAD otherwise than GET is asked with GET, and what it says to HEAD is
// not remembered.
func TestPullHeadSaysNothingOfGet(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	var head, get atomic.Int64
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := int(get.Load())
		if r.Method == http.MethodHead {
			status = int(head.Load())
		}
		w.WriteHeader(status)
		if status == http.StatusOK {
			_, _ = w.Write([]byte("text"))
		}
	}))
	t.Cleanup(up.Close)
	p := pulling(m, up.URL).begin(func(o *fetch.Options) { o.Rest = time.Hour })
	for i, c := range []struct{ head, get, told int }{
		{404, 200, 200}, {403, 200, 200}, {405, 200, 200}, {501, 200, 200}, {400, 200, 200},
		{404, 404, 404}, {403, 403, 502}, {500, 200, 503}, {429, 200, 503},
	} {
		head.Store(int64(c.head))
		get.Store(int64(c.get))
		path := fmt.Sprint("p/f", i)
		if a := p.get("HEAD", path, nil); a.StatusCode != c.told {
			t.Errorf("%+v: HEAD is answered with %d", c, a.StatusCode)
		}
		if len(p.rows()) != 0 {
			t.Errorf("%+v: %v", c, p.rows())
		}
		get.Store(200)
		p.get("GET", path, nil).whole(t, []byte("text"))
		m.until("it is stored", func() bool { return len(p.rows()) == 1 })
		must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("DELETE FROM core_pulls").Error }))
	}
}

// TestPullSweepGoesOn: a repository whose task cannot be dispatched does not keep the others waiting.
func TestPullSweepGoesOn(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := newOrigin(t)
		up.files["/f"] = "one"
		p := pulling(m, up.URL).begin(nil)
		p.get("GET", "p/f", nil).whole(t, []byte("one"))
		m.until("it is stored", func() bool { return p.rows()["f"].ContentID != nil })
		other := &model.Repository{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.raw", Name: "other", NextVersion: 1}
		d := &model.Distribution{Base: model.NewBase(ident.DefaultDomain), PulpType: "raw.pull", Name: "other", BasePath: "other", RepositoryID: &other.ID, RemoteID: &p.remote.ID}
		row := p.rows()["f"]
		row.DistributionID = d.ID
		m.put(other, d, &row)
		must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("DELETE FROM core_pull_tasks").Error }))
		before := p.tasks.count()
		p.tasks.err = errors.New("no")
		if err := p.fetcher.Sweep(t.Context()); err == nil {
			t.Error("that a task could not be dispatched was not said")
		}
		if n := p.tasks.count() - before; n != 1 {
			t.Errorf("%d tasks, want that of the other repository", n)
		}
	})
}
