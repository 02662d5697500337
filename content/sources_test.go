package content

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestAlternateSources: they come first, and what fails is left alone until it is time to ask it again.
func TestAlternateSources(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		m.fetcher.Cooldown = 1 << 40 // 18 minutes
		up := upstream.New(t)
		body := pattern(small)
		own, near := m.remote("own", model.Streamed), m.remote("near", model.OnDemand)
		stranger := m.remote("stranger", model.OnDemand)
		m.put(&model.AlternateContentSource{Base: model.NewBase(near.DomainID), PulpType: "raw.raw", Name: "acs", RemoteID: near.ID})
		c, found := m.unit("f"), m.unit("somewhere/else")
		for _, path := range []string{"/own", "/near", "/stranger"} {
			up.Set(path, body)
		}
		m.place(c, "f", own, up.URL+"/own", body)
		m.alternate(found, near, up.URL+"/near", body)
		m.alternate(found, stranger, up.URL+"/stranger", body) // of no alternate content source any more
		asked := func(want string) {
			t.Helper()
			m.get("GET", "d/f", nil).whole(t, body)
			if got := fmt.Sprint(up.Count("/near"), up.Count("/own"), up.Count("/stranger")); got != want {
				t.Errorf("asked near, own, stranger: %s, want %s", got, want)
			}
		}
		asked("1 0 0")
		up.Script("/near", upstream.Times(2, upstream.Status(500))...) // its retry too
		asked("3 1 0")
		asked("4 1 0") // what passes by itself is not remembered
		up.Script("/near", upstream.Wrong())
		asked("5 2 0")
		asked("5 3 0")
		up.Script("/own", upstream.Status(404))
		for range 2 {
			if a := m.get("GET", "d/f", nil); a.StatusCode != 404 || !strings.Contains(string(a.body), "left alone") {
				t.Errorf("%d %q", a.StatusCode, a.body)
			}
		}
		if n := up.Count("/own"); n != 4 {
			t.Errorf("its own remote was asked %d times", n)
		}
		m.fetcher.Cooldown = 0
		asked("6 4 0")
		m.until("a source that did well is forgiven", func() bool {
			var failed int64
			must(t, m.db.Read(t.Context()).Model(&model.RemoteArtifact{}).Where("failed_at IS NOT NULL AND alternate").Count(&failed).Error)
			return failed == 0
		})
		if len(m.artifacts()) != 0 {
			t.Error("what is streamed was stored for the sake of an alternate source")
		}
	})
}

func (m *mirror) alternate(c *model.Content, r *model.Remote, url string, body []byte) {
	size, digest := int64(len(body)), digestOf(body)
	m.put(&model.RemoteArtifact{ContentID: c.ID, RelativePath: "somewhere/else", RemoteID: r.ID, URL: url, Size: &size, SHA256: &digest, Alternate: true})
}

// TestNoDigest: what nobody has declared is what comes, and stays so.
func TestNoDigest(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		for i, fault := range []upstream.Fault{upstream.Good(), upstream.Unsaid()} {
			body, name := pattern(big-i), fmt.Sprint("f", i)
			up.Set("/"+name, body)
			up.Always("/"+name, fault)
			c := m.unit(name)
			m.put(&model.RemoteArtifact{ContentID: c.ID, RelativePath: name, RemoteID: m.remote(name, model.OnDemand).ID, URL: up.URL + "/" + name})
			m.get("GET", "d/"+name, headers{"If-None-Match": `"x"`}).whole(t, body)
			up.Set("/"+name, []byte("changed"))
			m.until("it is stored", func() bool { return m.attached(c) == digestOf(body) })
			m.get("GET", "d/"+name, nil).whole(t, body)
		}
		c := m.unit("cut")
		up.Set("/cut", pattern(big))
		up.Always("/cut", upstream.Cut(big-1))
		m.put(&model.RemoteArtifact{ContentID: c.ID, RelativePath: "cut", RemoteID: m.remote("cut", model.OnDemand).ID, URL: up.URL + "/cut"})
		if a := m.get("GET", "d/cut", nil); !brokenOff(a.broken) {
			t.Errorf("%d, %d bytes, %v", a.StatusCode, len(a.body), a.broken)
		}
		if m.attached(c) != "" {
			t.Error("half a file was stored")
		}
		// A size alone is compared too, whatever the upstream says about it.
		size, sized := int64(small), m.unit("sized")
		m.put(&model.RemoteArtifact{ContentID: sized.ID, RelativePath: "sized", RemoteID: m.remote("sized", model.OnDemand).ID, URL: up.URL + "/sized", Size: &size})
		up.Set("/sized", pattern(small-1))
		for _, fault := range []upstream.Fault{upstream.Good(), upstream.Unsaid()} {
			up.Always("/sized", fault)
			must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error {
				return tx.Model(&model.RemoteArtifact{}).Where("content_id = ?", sized.ID).Update("failed_at", nil).Error
			}))
			if a := m.get("GET", "d/sized", nil); a.StatusCode != 404 || m.attached(sized) != "" {
				t.Errorf("%d %q", a.StatusCode, a.body)
			}
		}
	})
}

// TestWhatIsStoredElsewhere: bytes that another unit has are not fetched again, unless they have got lost.
func TestWhatIsStoredElsewhere(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		body := pattern(big)
		up.Set("/f", body)
		r := m.remote("r", model.OnDemand)
		first, second, third := m.unit("1"), m.unit("2"), m.unit("3")
		for i, c := range []*model.Content{first, second, third} {
			m.place(c, fmt.Sprint(i+1), r, up.URL+"/f", body)
		}
		m.get("GET", "d/1", nil).whole(t, body)
		m.until("it is stored", func() bool { return m.attached(first) != "" })
		m.get("GET", "d/2", nil).whole(t, body)
		if n := up.Count("/f"); n != 1 || m.attached(second) != digestOf(body) {
			t.Errorf("asked %d times, attached %q", n, m.attached(second))
		}
		must(t, m.blobs.Delete(t.Context(), m.blobsStored()[0]))
		m.get("GET", "d/3", nil).whole(t, body)
		m.until("it is back", func() bool { return m.attached(third) != "" && len(m.blobsStored()) == 1 })
		m.get("GET", "d/1", nil).whole(t, body)
	})
}

// TestFilesOfThisMachine: a remote may be a folder.
func TestFilesOfThisMachine(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	body := pattern(big)
	file := filepath.Join(filepath.Dir(m.dir), "f")
	must(t, os.WriteFile(file, body, 0o600))
	m.place(m.unit("f"), "f", m.remote("r", model.Streamed), "file://"+file, body)
	m.place(m.unit("secret"), "secret", m.remote("s", model.Streamed), "file:///etc/passwd", body)
	m.get("GET", "d/f", nil).whole(t, body)
	if a := m.get("GET", "d/secret", nil); a.StatusCode != 404 || strings.Contains(string(a.body), "passwd") {
		t.Errorf("%d %q", a.StatusCode, a.body)
	}
}

// TestNoSource: there is an answer for a file that nobody knows, and for a remote that cannot be used.
func TestNoSource(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	m.unit("f")
	sealed := m.remote("sealed", model.OnDemand)
	sealed.Password = []byte("sealed with a key that this process does not have")
	sealed.Username = sealed.Password
	must(t, m.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Save(sealed).Error }))
	m.place(m.unit("g"), "g", sealed, "http://127.0.0.1:1/g", pattern(small))
	for path, want := range map[string]string{"f": "no remote knows", "g": "the log of the server says why"} {
		for _, method := range []string{"GET", "HEAD"} {
			a := m.get(method, "d/"+path, nil)
			if a.StatusCode != 404 || method == "GET" && !strings.Contains(string(a.body), want) || a.Header.Get("ETag") != "" {
				t.Errorf("%s %s: %d %q", method, path, a.StatusCode, a.body)
			}
		}
	}
}
