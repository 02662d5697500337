package content

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// big is the size of a file that clients get while it comes; small is one that is held back as a whole.
const (
	big   = 300_000
	small = 1000
	held  = 64 << 10
)

// TestFetchedOnDemand: the first client gets the file while it comes, and it is stored for all others.
func TestFetchedOnDemand(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		for _, size := range []int{0, 1, small, held, held + 1, big} {
			name := fmt.Sprintf("f%d.iso", size)
			body := pattern(size)
			up.Set("/"+name, body)
			c := m.unit(name)
			m.place(c, name, m.remote(name, model.OnDemand), up.URL+"/"+name, body)
			first := m.get("GET", "d/"+name, nil)
			first.whole(t, body)
			digest := digestOf(body)
			m.until("it is stored", func() bool { return m.attached(c) == digest })
			for i, again := range []*answer{first, m.get("GET", "d/"+name, nil)} {
				again.whole(t, body)
				weak, date, ranges := "", "Fri, 02 Jan 2026 03:04:05 GMT", "bytes"
				if i == 0 && strings.HasPrefix(again.Header.Get("ETag"), "W/") {
					weak, date, ranges = "W/", "", "" // it was not verified yet when its answer began
				}
				for header, want := range map[string]string{
					"ETag": weak + `"` + digest + `"`, "Content-Length": strconv.Itoa(size), "X-Pulp-Artifact-Size": strconv.Itoa(size),
					"Last-Modified": date, "Accept-Ranges": ranges, "Content-Encoding": "", "Content-Type": mediaType(name),
				} {
					if got := again.Header.Get(header); got != want {
						t.Errorf("%s: %s is %q, want %q", name, header, got, want)
					}
				}
			}
			if n := up.Count("/" + name); n != 1 {
				t.Errorf("%s: the upstream was asked %d times", name, n)
			}
		}
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
	})
}

// TestHeadAndRangesWait: what cannot be answered before the file is verified is answered as if it had been stored before.
func TestHeadAndRangesWait(t *testing.T) {
	whole := func(w []byte) []byte { return w }
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		for name, c := range map[string]struct {
			method  string
			headers headers
			status  int
			body    func(whole []byte) []byte // nil is none
			asked   int                       // of a file that is stored then
		}{
			"head":       {"HEAD", nil, 200, nil, 1},
			"range":      {"GET", headers{"Range": "bytes=299990-"}, 206, func(w []byte) []byte { return w[299990:] }, 1},
			"if-range":   {"GET", headers{"Range": "bytes=5-9", "If-Range": "ETAG"}, 206, func(w []byte) []byte { return w[5:10] }, 1},
			"if-range 2": {"GET", headers{"Range": "bytes=5-9", "If-Range": `"other"`}, 200, whole, 1},
			"beyond":     {"GET", headers{"Range": "bytes=300000-"}, 416, nil, 0},
			"same":       {"GET", headers{"If-None-Match": "ETAG"}, 304, nil, 0},
			"other":      {"GET", headers{"If-None-Match": `"other"`}, 200, whole, 1},
			"not since":  {"GET", headers{"If-Modified-Since": "Fri, 02 Jan 2026 03:04:05 GMT"}, 304, nil, 0},
			"mismatch":   {"GET", headers{"If-Match": `"other"`}, 412, nil, 0},
		} {
			for _, policy := range []model.Policy{model.OnDemand, model.Streamed} {
				path := fmt.Sprintf("%s %s", policy, name)
				body := patternOf(path, big)
				digest := digestOf(body)
				etag := `"` + digest + `"`
				asks := headers{}
				for header, value := range c.headers {
					asks[header] = strings.ReplaceAll(value, "ETAG", etag)
				}
				up.Set("/"+path, body)
				unit := m.unit(path)
				m.place(unit, path, m.remote(path, policy), up.URL+"/"+strings.ReplaceAll(path, " ", "%20"), body)
				a := m.get(c.method, "d/"+strings.ReplaceAll(path, " ", "%20"), asks)
				if a.StatusCode != c.status || a.broken != nil || (c.body != nil && !bytes.Equal(a.body, c.body(body))) || strings.TrimPrefix(a.Header.Get("ETag"), "W/") != etag {
					t.Errorf("%s: %d, %d bytes, %v, %v", path, a.StatusCode, len(a.body), a.broken, a.Header)
				}
				if c.method == "HEAD" && a.ContentLength != big {
					t.Errorf("%s: the length is %d", path, a.ContentLength)
				}
				asked := c.asked
				if policy == model.Streamed && c.method == "HEAD" {
					asked = 0 // what is declared is enough
				}
				if n := up.Count("/" + path); n != asked {
					t.Errorf("%s: the upstream was asked %d times, want %d", path, n, asked)
				}
				if asked > 0 && policy == model.OnDemand {
					m.until("it is stored", func() bool { return m.attached(unit) == digest })
				} else if m.attached(unit) != "" {
					t.Errorf("%s: it was stored", path)
				}
			}
		}
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
	})
}

// TestStreamedIsNeverStored: each client gets it from the upstream, whole or in parts, and nothing stays.
func TestStreamedIsNeverStored(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		body := pattern(big)
		up.Set("/f", body)
		c := m.unit("f")
		m.place(c, "f", m.remote("r", model.Streamed), up.URL+"/f", body)
		m.get("GET", "d/f", nil).whole(t, body)
		m.get("GET", "d/f", nil).whole(t, body)
		one := m.get("GET", "d/f", headers{"Range": "bytes=-10"})
		if one.StatusCode != 206 || !bytes.Equal(one.body, body[big-10:]) || one.Header.Get("Content-Range") != "bytes 299990-299999/300000" {
			t.Errorf("one part: %d %q %v", one.StatusCode, one.body, one.Header)
		}
		two := m.get("GET", "d/f", headers{"Range": "bytes=0-9,100000-200000"})
		if parts := partsOf(t, two); len(parts) != 2 || !bytes.Equal(parts[0], body[:10]) || !bytes.Equal(parts[1], body[100000:200001]) {
			t.Errorf("two parts: %d, %d parts", two.StatusCode, len(parts))
		}
		if n := up.Count("/f"); n != 4 {
			t.Errorf("the upstream was asked %d times", n)
		}
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
		if a, b := m.artifacts(), m.blobsStored(); len(a)+len(b) != 0 || m.attached(c) != "" {
			t.Errorf("artifacts %v, blobs %v", a, b)
		}
	})
}

func partsOf(t *testing.T, a *answer) (parts [][]byte) {
	t.Helper()
	_, parameters, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	must(t, err)
	r := multipart.NewReader(bytes.NewReader(a.body), parameters["boundary"])
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return parts
		}
		must(t, err)
		all, err := io.ReadAll(p)
		must(t, err)
		parts = append(parts, all)
	}
}
