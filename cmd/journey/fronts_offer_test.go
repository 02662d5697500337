package journey_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// offer is what the content servers of one world offer: the distributions stored, guarded and hidden of one repository,
// moments with its checkpoints, and later and streamed, whose files are not there yet.
type offer struct {
	*world
	settings map[string]string
	up       *upstream.Server
	files    map[string][]byte // by path below a distribution
	vars     map[string]string
	// domain is the one that stands in paths, "" where none does.
	domain string
	// modified is when the files of the distribution stored came.
	modified time.Time
	// known are the answers of the first server without a web server, by what was asked.
	known map[string]*answered
}

// The files that are stored. Around 64 KiB it changes how they are sent.
func storedFiles() map[string][]byte {
	return map[string][]byte{
		"text.txt": []byte("a text of forty-two bytes, more or less. \n"), "empty": nil,
		"below.bin": noise(64<<10 - 1), "at.bin": noise(64 << 10), "above.bin": noise(64<<10 + 1), "big.rpm": noise(3<<20 + 17),
		"dir/sub/page.html": []byte("<!DOCTYPE html><title>x</title>" + strings.Repeat("<p>compressible</p>", 2000)),
		"index/index.html":  []byte("<!DOCTYPE html><title>an index</title>"), "index/other": []byte("other"),
		`odd/ä %25 + & # ? ;~=@!$'()*.txt`: []byte("odd"), "noextension": []byte("none"),
	}
}

// noise is bytes that repeat late.
func noise(n int) []byte {
	out := make([]byte, n)
	state := uint32(n)
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = byte(state >> 24)
	}
	return out
}

func newOffer(t *testing.T, ways []phase) *offer {
	t.Helper()
	f := &offer{up: upstream.New(t), files: storedFiles(), known: map[string]*answered{}, settings: map[string]string{
		"data": t.TempDir(), "admin_password": adminPassword, "task_grace_interval": "5", "listen": "127.0.0.1:0",
		"egress.allow": "127.0.0.1", "remote_content_fetch_failure_cooldown": "0", "trusted_proxies": "127.0.0.1", "authentication.max_failures": "0",
	}}
	f.list("stored", f.files)
	later, streamed := map[string][]byte{"never": []byte("nobody gets this")}, map[string][]byte{}
	for _, p := range ways {
		for _, name := range p.fronts {
			for _, what := range []string{"first-", "range-", "wrong-"} {
				later[what+p.name+"-"+name] = append(noise(100<<10), what+p.name+name...)
			}
			streamed["file-"+p.name+"-"+name] = append(noise(100<<10), p.name+name...)
			f.up.Always("/later/wrong-"+p.name+"-"+name, upstream.Wrong())
		}
	}
	f.list("later", later)
	f.list("streamed", streamed)
	return f
}

// at is where the content of the domain is served.
func (f *offer) at() string {
	if f.domain == "" {
		return served
	}
	return served + f.domain + "/"
}

// withDomains puts the name of a domain into all paths.
func (f *offer) withDomains() {
	f.domain, f.settings["domain_enabled"] = "default", "true"
}

// list puts files into the upstream, with their manifest.
func (f *offer) list(folder string, files map[string][]byte) {
	var manifest strings.Builder
	for path, body := range files {
		f.up.Set("/"+folder+"/"+path, body)
		f.files[path] = body
		fmt.Fprintf(&manifest, "%s,%s,%d\n", path, sum(string(body)), len(body))
	}
	f.up.Set("/"+folder+"/PULP_MANIFEST", []byte(manifest.String()))
}

// make makes the distributions.
func (f *offer) make(t *testing.T, url string) {
	t.Helper()
	f.world, f.vars = &world{url: url}, map[string]string{"up": f.up.URL}
	steps := []step{}
	task := func(do, body string) { steps = append(steps, step{do: do, body: body, status: 202, task: "completed"}) }
	for folder, policy := range map[string]string{"stored": "immediate", "later": "on_demand", "streamed": "streamed"} {
		steps = append(steps,
			step{do: "POST " + fileRemotes, body: `{"name":"` + folder + `","url":"{up}/` + folder + `/PULP_MANIFEST","policy":"` + policy + `","max_retries":0}`, status: 201, keep: map[string]string{folder + "_remote": "pulp_href"}},
			step{do: "POST " + repos, body: `{"name":"` + folder + `","autopublish":true,"remote":"{` + folder + `_remote}"}`, status: 201, keep: map[string]string{folder: "pulp_href"}})
		task("POST {"+folder+"}sync/", `{}`)
		task("POST "+dists, `{"name":"`+folder+`","base_path":"`+folder+`","repository":"{`+folder+`}"}`)
	}
	steps = append(steps, step{do: "POST /contentguards/core/rbac/", body: `{"name":"people"}`, status: 201, keep: map[string]string{"guard": "pulp_href"}})
	task("POST "+dists, `{"name":"guarded","base_path":"guarded","repository":"{stored}","content_guard":"{guard}"}`)
	task("POST "+dists, `{"name":"hidden","base_path":"hidden","repository":"{stored}","hidden":true}`)
	steps = append(steps, step{do: "POST " + pubs, body: `{"repository":"{stored}","manifest":"dir/index.html"}`, status: 202, task: "completed", keep: map[string]string{"paged": "result.pulp_href"}})
	task("POST "+dists, `{"name":"paged","base_path":"paged","publication":"{paged}"}`)
	task("POST "+pubs, `{"repository":"{stored}","checkpoint":true}`)
	task("POST "+dists, `{"name":"moments","base_path":"moments","repository":"{stored}","checkpoint":true}`)
	for i, s := range steps {
		if method, path, _ := strings.Cut(s.do, " "); f.domain != "" && strings.HasPrefix(path, "/") {
			s.do = method + " /pulp/" + f.domain + "/api/v3" + path
		}
		f.step(t, fmt.Sprintf("step %d (%s)", i, s.do), s, f.vars)
	}
	f.backdate(t)
	f.modified = f.cameAt(t)
}

// The checkpoint, and a moment after it.
const moment, afterIt = "20260102T030405Z", "20260103T000000Z"

// backdate moves the checkpoint into the past, so that there are moments after it which are not in the future.
func (f *offer) backdate(t *testing.T) {
	t.Helper()
	o := nodeOptions(t, node.Serve, f.settings)
	d, err := node.OpenDatabase(t.Context(), o.Loaded.Settings, o.Log, true)
	must(t, err)
	defer func() { _ = d.Close() }()
	at, err := time.Parse("20060102T150405Z", moment)
	must(t, err)
	must(t, d.InTx(t.Context(), func(tx *db.Tx) error {
		return tx.Exec("UPDATE core_publications SET pulp_created = ? WHERE checkpoint = ?", at, true).Error
	}))
}

// cameAt is when the files of the repository came, as the listing for programs says.
func (f *offer) cameAt(t *testing.T) time.Time {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+f.at()+"stored/", http.NoBody)
	must(t, err)
	r.Header.Set("Accept", "application/json")
	var listing struct {
		Entries []struct {
			Name     string
			Modified *time.Time
		}
	}
	must(t, json.NewDecoder(bytes.NewReader(f.do(t, r).Body.Bytes())).Decode(&listing))
	for _, e := range listing.Entries {
		if e.Name == "text.txt" && e.Modified != nil {
			return e.Modified.UTC().Truncate(time.Second)
		}
	}
	t.Fatalf("the listing does not say when text.txt came: %+v", listing)
	return time.Time{}
}
