package content

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestAnUpstreamThatChangesBetweenRequests: a client that asks for the rest of what it has gets the rest of that, or the whole
// of something, or nothing; two parts of different files never look like parts of one.
func TestAnUpstreamThatChangesBetweenRequests(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		for _, policy := range []model.Policy{model.OnDemand, model.Streamed} {
			for _, declared := range []bool{true, false} {
				name := fmt.Sprint(policy, "-", declared)
				before, after := patternOf(name+" before", big), patternOf(name+" after!", big)
				for i := range after {
					after[i] ^= 0x55
				}
				up.Set("/"+name, before)
				c, r := m.unit(name), m.remote(name, policy)
				if declared {
					m.place(c, name, r, up.URL+"/"+name, before)
				} else {
					m.put(&model.RemoteArtifact{ContentID: c.ID, RelativePath: name, RemoteID: r.ID, URL: up.URL + "/" + name})
				}
				first := m.get("GET", "d/"+name, headers{"Range": "bytes=0-99999"})
				if first.StatusCode != 206 || !bytes.Equal(first.body, before[:100_000]) {
					t.Errorf("%s: the first part is %d with %d bytes", name, first.StatusCode, len(first.body))
				}
				up.Set("/"+name, after)
				tag := first.Header.Get("ETag")
				for _, asked := range []headers{{"Range": "bytes=100000-", "If-Range": tag}, {"Range": "bytes=100000-", "If-Range": first.Header.Get("Last-Modified")}, {"Range": "bytes=100000-"}, {"If-None-Match": tag}} {
					if asked["If-Range"] == "" {
						delete(asked, "If-Range")
					}
					a := m.get("GET", "d/"+name, asked)
					same := a.Header.Get("ETag") == tag && tag != ""
					switch {
					case a.broken != nil || a.StatusCode == 404 || a.StatusCode == 304 && same:
					case a.StatusCode == 206 && bytes.Equal(a.body, before[100_000:]):
					case a.StatusCode == 206 && bytes.Equal(a.body, after[100_000:]) && !same && asked["If-Range"] == "":
					case a.StatusCode == 200 && (bytes.Equal(a.body, before) || bytes.Equal(a.body, after) && !same):
					default:
						t.Errorf("%s %v: %d %q with %d bytes after %q", name, asked, a.StatusCode, a.Header.Get("ETag"), len(a.body), tag)
					}
				}
			}
		}
	})
}

// TestSourcesThatDiffer: what one source has begun, no other continues with bytes of another file.
func TestSourcesThatDiffer(t *testing.T) {
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		for name, fault := range map[string]upstream.Fault{
			"cut": upstream.Cut(big - 100), "reset": upstream.Reset(big / 2), "cut at once": upstream.Cut(held / 2), "short": upstream.Short(1), "lying": upstream.LyingLength(big + 1),
		} {
			for _, policy := range []model.Policy{model.OnDemand, model.Streamed} {
				path := fmt.Sprintf("%x-%s", name, policy)
				one, other := patternOf(path+" one", big), patternOf(path+" two", big)
				for i := range other {
					other[i] ^= 0x55
				}
				up.Set("/"+path, one)
				up.Always("/"+path, fault)
				up.Set("/other/"+path, other)
				c, size := m.unit(path), int64(big)
				for _, url := range []string{"/" + path, "/other/" + path} {
					m.put(&model.RemoteArtifact{ContentID: c.ID, RelativePath: path, RemoteID: m.remote(url, policy).ID, URL: up.URL + url, Size: &size})
				}
				for range 2 {
					a := m.get("GET", "d/"+path, nil)
					whole := a.StatusCode == 200 && bytes.Equal(a.body, other)
					if !whole && !brokenOff(a.broken) && a.StatusCode != 404 {
						t.Errorf("%s %s: %d with %d bytes, %v", name, policy, a.StatusCode, len(a.body), a.broken)
					}
				}
				if got := m.attached(c); got != "" && got != digestOf(other) {
					t.Errorf("%s %s: something wrong was stored", name, policy)
				}
			}
		}
	})
}
