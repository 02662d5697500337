package journey_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// onEachThatPulls runs a test in a fresh world on every backend, whose remotes may reach 127.0.0.1 and no other address
// of this machine, and which leaves no source alone for having failed.
func onEachThatPulls(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for name, settings := range backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := map[string]string{"egress.allow": "127.0.0.1", "remote_content_fetch_failure_cooldown": "0"}
			maps.Copy(flags, settings(t))
			test(t, newWorld(t, flags))
		})
	}
}

// pull is an upstream with a manifest, and what syncs from it: {remote} with the PRN {remote_prn}, {repo} with the PRN
// {repo_prn}, and the distribution {u} of it. The files have texts that nobody else has, see text.
type pull struct {
	*world
	t    *testing.T
	up   *upstream.Server
	vars map[string]string
	n    int
}

// manifest is where the manifest is.
const manifest = "/in/PULP_MANIFEST"

// pulls makes a pull whose remote has a policy and tries nothing twice. More are members of the repository's body.
func (w *world) pulls(t *testing.T, policy, more string) *pull {
	t.Helper()
	p := &pull{world: w, t: t, up: upstream.New(t), vars: map[string]string{"u": "u" + ident.New()[24:], "none": ident.New()}}
	p.vars["up"] = p.up.URL
	p.remote("remote", manifest, `"policy":"`+policy+`"`)
	p.step(step{do: "POST " + repos, body: `{"name":"{u}","remote":"{remote}"` + more + `}`, status: 201, keep: map[string]string{"repo": "pulp_href", "repo_prn": "prn"}})
	p.step(step{do: "POST " + dists, body: `{"name":"{u}","base_path":"{u}","repository":"{repo}"}`, status: 202, task: "completed"})
	return p
}

// remote makes a remote of a path of the upstream, known as name.
func (p *pull) remote(name, path, more string) {
	p.t.Helper()
	if !strings.Contains(more, "max_retries") {
		more += `,"max_retries":0`
	}
	p.step(step{do: "POST " + fileRemotes, body: `{"name":"{u}-` + name + `","url":"{up}` + path + `",` + more + `}`, status: 201,
		keep: map[string]string{name: "pulp_href", name + "_prn": "prn"}})
}

// step does one step.
func (p *pull) step(s step) {
	p.t.Helper()
	p.n++
	p.world.step(p.t, fmt.Sprintf("step %d (%s %s)", p.n, s.about, s.do), s, p.vars)
}

// sync syncs to an end; the wishes are about the task.
func (p *pull) sync(body, state string, want ...string) {
	p.t.Helper()
	p.step(step{do: "POST {repo}sync/", body: body, status: 202, task: state, want: want})
}

// fails syncs in vain; the words must be in the task, and nothing shows of it.
func (p *pull) fails(body string, words ...string) {
	p.t.Helper()
	before := p.versions()
	p.step(step{do: "POST {repo}sync/", body: body, status: 202, task: "failed", has: words, hasNot: []string{"token=secret"}, want: []string{`created_resources = []`, `result = null`}})
	if after := p.versions(); after != before {
		p.t.Errorf("a sync that failed (%v) left the versions %s where %s were", words, after, before)
	}
}

// versions are the versions of the repository with their content, as one text.
func (p *pull) versions() string {
	p.t.Helper()
	var shown struct{ Results []map[string]any }
	answer := p.do(p.t, p.request(p.t, step{do: "GET {repo}versions/"}, p.vars))
	must(p.t, json.Unmarshal(answer.Body.Bytes(), &shown))
	text, err := json.Marshal(shown.Results)
	must(p.t, err)
	return string(text)
}

// text is the text behind a name. Names that begin with "big" have more than what content servers hold back.
func (p *pull) text(name string) string {
	text := name + " of " + p.vars["u"] + "\n"
	if strings.HasPrefix(name, "big") {
		text = strings.Repeat(text, 200<<10/len(text))
	}
	return text
}

func sum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// list makes a manifest of paths and names of texts in turn.
func (p *pull) list(pairs ...string) (text string) {
	for i := 0; i < len(pairs); i += 2 {
		body := p.text(pairs[i+1])
		text += fmt.Sprintf("%s,%s,%d\n", pairs[i], sum(body), len(body))
	}
	return text
}

// has puts files into the upstream, paths and names of texts in turn, and a manifest of exactly them.
func (p *pull) has(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		p.up.Set("/in/"+pairs[i], []byte(p.text(pairs[i+1])))
	}
	p.up.Set(manifest, []byte(p.list(pairs...)))
}

// content is what a version has: the digests by path.
func (p *pull) content(version string) map[string]string {
	p.t.Helper()
	var page struct {
		Results []struct {
			Href string `json:"pulp_href"`
		}
	}
	answer := p.do(p.t, p.request(p.t, step{do: "GET " + files + "?limit=1000&repository_version=" + version}, p.vars))
	must(p.t, json.Unmarshal(answer.Body.Bytes(), &page))
	ids := make([]string, len(page.Results))
	for i, one := range page.Results {
		parts := strings.Split(strings.TrimSuffix(one.Href, "/"), "/")
		ids[i] = parts[len(parts)-1]
	}
	var rows []struct{ RelativePath, Digest string }
	must(p.t, p.db.Read(p.t.Context()).Raw("SELECT relative_path, digest FROM file_contents WHERE id IN ?", ids).Scan(&rows).Error)
	held := map[string]string{}
	for _, row := range rows {
		held[row.RelativePath] = row.Digest
	}
	if answer.Code != http.StatusOK || len(held) != len(ids) {
		p.t.Fatalf("%s has %v: %d %s", version, held, answer.Code, answer.Body)
	}
	return held
}

// holds wants exactly these paths and names of texts in a version.
func (p *pull) holds(version string, pairs ...string) {
	p.t.Helper()
	want := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i]] = sum(p.text(pairs[i+1]))
	}
	if got := p.content(version); !maps.Equal(got, want) {
		p.t.Fatalf("%s has %v, want %v", version, got, want)
	}
}

// get downloads a path of the distribution. An error says that the body did not come to its end.
func (p *pull) get(path string) (status int, body string, err error) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+served+p.vars["u"]+"/"+path, http.NoBody)
	must(p.t, err)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), errors.Join(err, answer.Body.Close())
}

// serves wants these paths with the texts of these names.
func (p *pull) serves(pairs ...string) {
	p.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		status, body, err := p.get(pairs[i])
		if want := p.text(pairs[i+1]); status != http.StatusOK || body != want || err != nil {
			p.t.Fatalf("%s answers %d with %d bytes %.60q (%v), want %.60q", pairs[i], status, len(body), body, err, want)
		}
	}
}

// breaks wants no answer for a path that looks complete: a status that says so, or a body that breaks off.
func (p *pull) breaks(path string) {
	p.t.Helper()
	if status, body, err := p.get(path); err == nil && status < 400 {
		p.t.Fatalf("%s answers %d with %d bytes %.60q", path, status, len(body), body)
	}
}

// publish publishes the newest version.
func (p *pull) publish() {
	p.t.Helper()
	p.step(step{do: "POST " + pubs, body: `{"repository":"{repo}"}`, status: 202, task: "completed"})
}

// rolls back to a version, and publishes it.
func (p *pull) rollBack(version string) {
	p.t.Helper()
	p.step(step{do: "POST {repo}modify/", body: `{"base_version":"` + version + `"}`, status: 202, task: "completed", want: []string{`created_resources.# = 1`}})
	p.publish()
}

// stored tells whether an artifact of a text is there.
func (p *pull) stored(text string) bool {
	p.t.Helper()
	answer := p.do(p.t, p.request(p.t, step{do: "GET /artifacts/?sha256=" + sum(text)}, nil))
	count, _ := at(answer.Body.Bytes(), "count")
	return fmt.Sprint(count) == "1"
}

// asked is how often the upstream was asked for files.
func (p *pull) asked(paths ...string) []int {
	counts := make([]int, len(paths))
	for i, path := range paths {
		counts[i] = p.up.Count("/in/" + path)
	}
	return counts
}

// wasAsked wants the upstream to have been asked this often for each of the paths.
func (p *pull) wasAsked(paths []string, want ...int) {
	p.t.Helper()
	if got := p.asked(paths...); !slices.Equal(got, want) {
		p.t.Fatalf("the upstream was asked %v times for %v, want %v", got, paths, want)
	}
}
