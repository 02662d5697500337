package content

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestBadUpstreams: whatever an upstream does, no client of either of two processes gets something wrong that looks
// complete, nothing wrong is stored, and the file is there as soon as the upstream is right.
func TestBadUpstreams(t *testing.T) {
	changed := pattern(big + 1)[1:]
	faults := map[string]upstream.Fault{
		"wrong":      upstream.Wrong(),
		"changed":    upstream.Body(changed),
		"short":      upstream.Short(1),
		"very short": upstream.Short(held + 10),
		"long":       upstream.Long(1),
		"very long":  upstream.Long(held + 10),
		"lying less": upstream.LyingLength(small - 10),
		"lying more": upstream.LyingLength(big + 10),
		"endless":    upstream.Endless(),
		"cut":        upstream.Cut(500),
		"cut late":   upstream.Cut(big - 1),
		"stall":      upstream.Stall(500),
		"stall late": upstream.Stall(big - 1),
		"no answer":  upstream.Stall(-1),
		"reset":      upstream.Reset(500),
		"reset late": upstream.Reset(big - 1),
		"dropped":    upstream.Drop(),
		"status":     upstream.Status(500),
		"not there":  upstream.Status(404),
		"forbidden":  upstream.Status(403),
		"private":    upstream.Redirect(302, "http://169.254.169.254/latest/meta-data"),
		"local file": upstream.Redirect(302, "file:///etc/passwd"),
		"gzip":       upstream.Gzip(),
	}
	onMirrors(t, func(t *testing.T, m *mirror) {
		up := upstream.New(t)
		both := []*mirror{m, m.beside(t, nil)}
		var all sync.WaitGroup
		for name, fault := range faults {
			for _, policy := range []model.Policy{model.OnDemand, model.Streamed} {
				for _, size := range []int{small, big} {
					f := fault
					if strings.HasSuffix(name, "late") {
						f = map[string]upstream.Fault{"cut late": upstream.Cut(size - 1), "stall late": upstream.Stall(size - 1), "reset late": upstream.Reset(size - 1)}[name]
					}
					path := strings.ReplaceAll(fmt.Sprint(name, "-", policy, "-", size), " ", "_")
					bad := &badUpstream{mirror: m, both: both, up: up, path: path, body: patternOf(path, size), policy: policy}
					all.Go(func() { bad.check(f) })
				}
			}
		}
		all.Wait()
		m.until("no spool is left", func() bool { return m.spooled() == 0 })
		m.until("no lease is left", func() bool { return m.leases() == 0 })
	})
}

// badUpstream is one fault for one file.
type badUpstream struct {
	*mirror
	both   []*mirror
	up     *upstream.Server
	path   string
	body   []byte
	policy model.Policy
}

func (b *badUpstream) check(fault upstream.Fault) {
	t := b.t
	b.up.Set("/"+b.path, b.body)
	b.up.Always("/"+b.path, fault)
	c := b.unit(b.path)
	r := b.remote(b.path, b.policy)
	if strings.HasPrefix(b.path, "stall") || strings.HasPrefix(b.path, "no_answer") {
		b.patience(r, 0.1)
	}
	place := b.place(c, b.path, r, b.up.URL+"/"+b.path, b.body)
	parts := make([]*answer, len(b.both))
	for _, asked := range []headers{nil, {"Range": "bytes=0-9"}} {
		var together sync.WaitGroup
		for i, process := range b.both {
			together.Go(func() {
				a := process.get("GET", "d/"+b.path, asked)
				b.judge(asked, a)
				if asked == nil {
					parts[i] = a
				}
			})
		}
		together.Wait()
	}
	if got := b.attached(c); got != "" || slices.Contains(b.artifacts(), digestOf(b.body)) && b.policy == model.Streamed {
		t.Errorf("%s: %s was stored", b.path, got)
	}
	b.up.Always("/"+b.path, nil)
	b.patience(r, 0)
	must(t, b.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Model(place).Update("failed_at", nil).Error }))
	var together sync.WaitGroup
	for i, process := range b.both {
		together.Go(func() {
			process.get("GET", "d/"+b.path, nil).whole(t, b.body)
			b.resume(process, parts[i])
		})
	}
	together.Wait()
	if b.policy == model.OnDemand {
		b.until("it is stored", func() bool { return b.attached(c) == digestOf(b.body) })
	}
}

// resume asks for the rest of what broke off, in the ways in which clients do: what they put together must be the file.
func (b *badUpstream) resume(process *mirror, part *answer) {
	for _, validator := range []string{"ETag", "Last-Modified"} {
		known := part.Header.Get(validator)
		if part.StatusCode != 200 || known == "" {
			continue
		}
		rest := process.get("GET", "d/"+b.path, headers{"Range": fmt.Sprintf("bytes=%d-", len(part.body)), "If-Range": known})
		got := rest.body
		if rest.StatusCode == 206 {
			got = append(slices.Clone(part.body), got...)
		}
		if !bytes.Equal(got, b.body) {
			b.t.Errorf("%s: continued by its %s, %s, it is another file", b.path, validator, known)
		}
	}
}

// judge looks at what a client got of a file that cannot be had.
func (b *badUpstream) judge(asked headers, a *answer) {
	begun := a.StatusCode == 200 && asked == nil && len(b.body) > held
	switch {
	case a.StatusCode == 404 && a.broken == nil:
		if !strings.Contains(string(a.body), "has not been downloaded") || strings.Contains(string(a.body), b.up.URL) {
			b.t.Errorf("%s: the reason is %q", b.path, a.body)
		}
	case begun && (brokenOff(a.broken)) && len(a.body) <= len(b.body)-held:
	default:
		b.t.Errorf("%s %v: %d, %d of %d bytes, %v; %.100q", b.path, asked, a.StatusCode, len(a.body), len(b.body), a.broken, a.body)
	}
}

// TestTroubleThatPasses: what breaks off before a client has seen of it is tried again.
func TestTroubleThatPasses(t *testing.T) {
	t.Parallel()
	m := embedded(t)
	up := upstream.New(t)
	body := pattern(big)
	for name, faults := range map[string][]upstream.Fault{
		"500": {upstream.Status(500)}, "503": {upstream.RetryAfter(503, "100")}, "dropped": {upstream.Drop()},
		"reset": {upstream.Reset(100), upstream.Reset(held)}, "cut": {upstream.Cut(held), upstream.Status(502), upstream.Cut(1)},
		"redirect": {upstream.Redirect(307, "/elsewhere")}, "unsaid": {upstream.Unsaid()},
	} {
		up.Set("/"+name, body)
		up.Set("/elsewhere", body)
		up.Script("/"+name, faults...)
		m.place(m.unit(name), name, m.remote(name, model.Streamed), up.URL+"/"+name, body)
		m.get("GET", "d/"+name, nil).whole(t, body)
	}
}
