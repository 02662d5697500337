package content

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/task"
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
	err error // of the next one
}

func (d *dispatches) Dispatch(_ context.Context, tx *db.Tx, a task.Args, _ ...task.Option) (*task.Row, error) {
	d.mu.Lock()
	err := d.err
	d.err = nil
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
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

var _ task.Dispatcher = (*dispatches)(nil)
