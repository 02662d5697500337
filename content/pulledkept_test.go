package content

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
)

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
		rows = append(rows, model.Pull{DistributionID: p.row.ID, Path: "ahead", RemoteID: p.remote.ID, URL: "x", CheckedAt: model.Now().Add(time.Hour)})
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

// TestPullKeepsNothingOfAnotherRemote: what comes from a remote that the distribution does not have any more, or that is not
// what it was, is passed on to those who wait, and that is all.
func TestPullKeepsNothingOfAnotherRemote(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := newOrigin(t)
		up.files["/f"] = "one"
		p := pulling(m, up.URL).begin(nil)
		other := m.remote("other", model.OnDemand)
		for i, change := range []func(tx *db.Tx) error{
			func(tx *db.Tx) error { return tx.Model(p.remote).Update("policy", model.Streamed).Error },
			func(tx *db.Tx) error {
				return tx.Model(p.remote).Updates(map[string]any{"policy": model.OnDemand, "url": up.URL + "/right/"}).Error
			},
			func(tx *db.Tx) error { return tx.Model(p.row).Update("remote_id", other.ID).Error },
		} {
			at := "/f"
			if i == 2 {
				at = "/right/f"
			}
			hold := make(chan struct{})
			up.set(func() { up.files[at], up.hold, up.asked = "one", hold, nil })
			done := make(chan *answer)
			go func() { done <- p.get("GET", "p/f", nil) }()
			m.until("it is asked for", func() bool { return up.count() == 1 })
			must(t, m.db.InTx(t.Context(), change))
			close(hold)
			(<-done).whole(t, []byte("one"))
			m.until("it is done", func() bool { return m.leases() == 0 })
			if len(p.rows()) != 0 || p.tasks.count() != 0 {
				t.Errorf("change %d: %v, %d tasks", i, p.rows(), p.tasks.count())
			}
			up.set(func() { up.hold = nil })
			if i == 0 {
				must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Model(p.remote).Update("policy", model.OnDemand).Error }))
			}
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
	if a.SHA512 == nil {
		t.Errorf("%+v", a)
	}
	var source model.RemoteArtifact
	must(t, m.db.Read(t.Context()).Take(&source).Error)
	if source.RemoteID != p.remote.ID || source.URL != up.URL+"/f" || source.SHA256 == nil || *source.SHA256 != a.SHA256 || *source.Size != 3 {
		t.Errorf("%+v", source)
	}
}

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
