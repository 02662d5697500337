package journey_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestSyncsOfBadUpstreams runs the table of what goes wrong with upstreams: a sync fails with a reason that names the URL
// and the unit, or goes on as documented; nothing of it shows, and once the upstream is mended the next one is well.
func TestSyncsOfBadUpstreams(t *testing.T) {
	t.Parallel()
	onEachThatPulls(t, func(t *testing.T, w *world) {
		t.Run("all", func(t *testing.T) {
			for _, policy := range []string{"immediate", "on_demand", "streamed"} {
				t.Run("manifests, "+policy, func(t *testing.T) { t.Parallel(); badManifests(t, w.pulls(t, policy, "")) })
				t.Run("canceled, "+policy, func(t *testing.T) { t.Parallel(); canceled(t, w.pulls(t, policy, ""), manifest) })
			}
			t.Run("files, immediate", func(t *testing.T) { t.Parallel(); badFiles(t, w.pulls(t, "immediate", "")) })
			t.Run("files, on_demand", func(t *testing.T) { t.Parallel(); badDownloads(t, w.pulls(t, "on_demand", `,"autopublish":true`)) })
			t.Run("files, streamed", func(t *testing.T) { t.Parallel(); badDownloads(t, w.pulls(t, "streamed", `,"autopublish":true`)) })
			t.Run("files that change, on_demand", func(t *testing.T) { t.Parallel(); changed(t, w.pulls(t, "on_demand", `,"autopublish":true`)) })
			t.Run("files that change, streamed", func(t *testing.T) { t.Parallel(); changed(t, w.pulls(t, "streamed", `,"autopublish":true`)) })
			t.Run("canceled in the middle of a file", func(t *testing.T) { t.Parallel(); canceled(t, w.pulls(t, "immediate", ""), "/in/b") })
			t.Run("tried again", func(t *testing.T) { t.Parallel(); triedAgain(t, w.pulls(t, "immediate", "")) })
			t.Run("nothing but faults", func(t *testing.T) { t.Parallel(); givenUp(t, w.pulls(t, "immediate", "")) })
			t.Run("an address that is not allowed", func(t *testing.T) { t.Parallel(); forbidden(t, w.pulls(t, "immediate", "")) })
		})
		var left int64
		must(t, w.db.Read(t.Context()).Table("core_staged_contents").Count(&left).Error)
		if left != 0 {
			t.Errorf("%d units are still staged", left)
		}
	})
}

// impatient makes {impatient}, a remote that waits for nothing; only for syncs that must fail.
func (p *pull) impatient(policy string) {
	p.t.Helper()
	p.remote("impatient", manifest, `"policy":"`+policy+`","sock_read_timeout":0.05`)
}

// badManifests: a manifest is whole and clean, or nothing comes of it.
func badManifests(t *testing.T, p *pull) {
	p.has("a", "one")
	p.sync(`{}`, "completed", `result.number = 1`)
	p.impatient("on_demand")
	p.remote("lazy", manifest, `"policy":"on_demand"`)
	good := p.list("a", "one")
	const clash = "the same path as file and folder" // which is not the fault of one line
	for i, c := range []struct {
		about string
		fault upstream.Fault
		words []string
		body  string
	}{
		{"missing", upstream.Status(404), []string{"PLP0025", "404"}, ""},
		{"forbidden", upstream.Status(401), []string{"401", "password"}, ""},
		{"trouble", upstream.Status(500), []string{"PLP0025", "500"}, ""},
		{"junk", upstream.Body([]byte("<html>gone</html>")), []string{"PLP0013", "line 1 of the manifest", "html"}, ""},
		{"junk behind more than a batch", upstream.Body([]byte(strings.Repeat(good, 1500) + "junk\n")), []string{"PLP0013", "line 1501 "}, ""},
		{"a climbing path", upstream.Body([]byte(good + p.list("../../etc/passwd", "one"))), []string{"PLP0013", "line 2 ", "../../etc/passwd"}, ""},
		{"an absolute path", upstream.Body([]byte(p.list("/etc/passwd", "one"))), []string{"PLP0013", "line 1 "}, ""},
		{"a NUL", upstream.Body([]byte(p.list("a\x00b", "one"))), []string{"PLP0013", "line 1 "}, ""},
		{"letters that are none", upstream.Body([]byte(p.list("a\xff", "one"))), []string{"PLP0013", "line 1 "}, ""},
		{"a bad digest", upstream.Body([]byte("a,0123,5\n")), []string{"PLP0013", "SHA-256"}, ""},
		{"a size that overflows", upstream.Body([]byte("a," + sum("") + ",99999999999999999999\n")), []string{"PLP0013", "size"}, ""},
		{"a huge line", upstream.Body([]byte(good + strings.Repeat("x", 1<<20))), []string{"PLP0013", "line 2 ", "longer"}, ""},
		{clash, upstream.Body([]byte(good + p.list("a/b", "one"))), []string{"a/b"}, `{"remote":"{lazy}"}`},
		{"compressed", upstream.Gzip(), []string{"PLP0025", "gzip"}, ""},
		{"no HTTP", upstream.Garbage(300), []string{"PLP0027"}, ""},
		{"broken off", upstream.Cut(7), []string{"PLP0027"}, ""},
		{"reset", upstream.Reset(7), []string{"PLP0027"}, ""},
		{"no answer", upstream.Drop(), []string{"PLP0027"}, ""},
		{"stalled before the answer", upstream.Stall(-1), []string{"PLP0005", "sock_read_timeout"}, `{"remote":"{impatient}"}`},
		{"stalled in the middle", upstream.Stall(7), []string{"PLP0005", "sock_read_timeout"}, `{"remote":"{impatient}"}`},
		{"a circle", upstream.Redirect(302, manifest), []string{"PLP0027", "circle"}, ""},
		{"elsewhere", upstream.Redirect(302, "http://169.254.169.254/latest/meta-data?token=secret"), []string{"PLP0027", "169.254.169.254", "egress.allow"}, ""},
		{"another address of this machine", upstream.Redirect(307, "http://127.0.0.2:9/PULP_MANIFEST"), []string{"PLP0027", "127.0.0.2", "egress.allow"}, ""},
		{"a file", upstream.Redirect(301, "file:///etc/passwd"), []string{"PLP0009", "scheme"}, ""},
	} {
		p.up.Set(manifest, []byte(good+p.list(fmt.Sprintf("new/%d", i), "one"))) // so that nothing is skipped
		p.up.Always(manifest, c.fault)
		if c.about != clash {
			c.words = append(c.words, "{up}"+manifest)
		}
		p.fails(c.body, c.words...)
		if t.Failed() {
			t.Fatalf("with a manifest that is %s", c.about)
		}
	}
	p.up.Always(manifest, nil)
	p.holds("{repo}", "a", "one")
	p.has("a", "two", "c", "three")
	p.sync(`{}`, "completed", `result.number = 2`)
	p.holds("{repo}", "a", "two", "c", "three")
	p.publish()
	p.serves("a", "two", "c", "three")
}

// faultsOfFiles are those of b, with words that the reason has beside its URL and path. What it has meanwhile is never
// stored.
func faultsOfFiles(p *pull) map[string]struct {
	fault upstream.Fault
	words []string
} {
	return map[string]struct {
		fault upstream.Fault
		words []string
	}{
		"another digest":       {upstream.Wrong(), []string{"PLP0003", sum(p.text("big two"))}},
		"short":                {upstream.Short(3), []string{"PLP0004", "bytes"}},
		"long":                 {upstream.Long(3), []string{"PLP0004", "bytes"}},
		"longer than it said":  {upstream.Endless(), []string{"PLP0004", "more than"}},
		"shorter than it said": {upstream.LyingLength(len(p.text("big two")) * 2), []string{"bytes"}},
		"empty":                {upstream.Body(nil), []string{"PLP0004", "0 bytes"}},
		"broken off":           {upstream.Cut(100 << 10), []string{"PLP0027"}},
		"reset":                {upstream.Reset(100 << 10), []string{"PLP0027"}},
		"reset at once":        {upstream.Drop(), []string{"PLP0027"}},
		"missing":              {upstream.Status(404), []string{"PLP0025", "404"}},
		"trouble":              {upstream.Status(503), []string{"PLP0025", "503"}},
		"compressed":           {upstream.Gzip(), []string{"PLP0025", "gzip"}},
		"a circle":             {upstream.Redirect(302, "/in/b"), []string{"PLP0027", "circle"}},
		"elsewhere":            {upstream.Redirect(302, "http://169.254.169.254/b"), []string{"PLP0027", "169.254.169.254", "egress.allow"}},
		"changed meanwhile":    {upstream.Body([]byte(strings.Repeat("other", len(p.text("big two"))/5) + strings.Repeat("x", len(p.text("big two"))%5))), []string{"PLP0003"}},
	}
}

// badFiles: one file that cannot be had makes a sync fail that fetches it; what it was is told, and the rest is kept.
func badFiles(t *testing.T, p *pull) {
	p.has("a", "one")
	p.sync(`{}`, "completed", `result.number = 1`)
	p.has("a", "one", "b", "big two", "c", "three")
	for about, c := range faultsOfFiles(p) {
		p.up.Always("/in/b", c.fault)
		p.fails(`{}`, append(c.words, "{up}/in/b", "b: ", "1 files")...)
		if t.Failed() {
			t.Fatalf("with a file that is %s", about)
		}
	}
	p.up.Always("/in/b", nil)
	p.impatient("immediate")
	p.up.Script("/in/b", upstream.Stall(1000), upstream.Stall(-1))
	p.fails(`{"remote":"{impatient}"}`, "PLP0005", "{up}/in/b", "sock_read_timeout")
	p.fails(`{"remote":"{impatient}"}`, "PLP0005", "{up}/in/b", "sock_read_timeout")
	p.holds("{repo}", "a", "one")
	if !p.stored(p.text("three")) || p.up.Count("/in/c") != 1 {
		t.Errorf("c was fetched %d times", p.up.Count("/in/c"))
	}
	p.sync(`{}`, "completed", `result.number = 2`)
	p.holds("{repo}", "a", "one", "b", "big two", "c", "three")
	p.publish()
	p.serves("a", "one", "b", "big two", "c", "three")

	p.up.Set("/in/d", []byte(p.text("four")))
	for _, wrong := range []string{sum(p.text("five")) + "," + fmt.Sprint(len(p.text("four"))), sum(p.text("four")) + ",3", sum(p.text("four")) + ",9223372036854775807"} {
		p.up.Set(manifest, []byte(p.list("a", "one")+"d,"+wrong+"\n"))
		p.fails(`{}`, "{up}/in/d", "d: ")
	}
	if p.stored(p.text("five")) {
		t.Error("there is an artifact of bytes that never came")
	}
	p.has("a", "one", "d", "four")
	p.sync(`{"mirror":true}`, "completed")
	p.holds("{repo}", "a", "one", "d", "four")
}

// badDownloads: a sync that fetches nothing does not notice; who downloads does.
func badDownloads(t *testing.T, p *pull) {
	p.has("a", "one", "b", "big two", "small", "three")
	p.sync(`{}`, "completed", `result.number = 1`, `created_resources.# = 2`)
	for about, c := range faultsOfFiles(p) {
		p.up.Always("/in/b", c.fault)
		p.breaks("b")
		p.up.Always("/in/b", nil)
		if t.Failed() {
			t.Fatalf("with a file that is %s", about)
		}
	}
	p.up.Script("/in/b", upstream.Status(500))
	p.breaks("b")
	p.step(step{do: "PATCH {remote}", body: `{"sock_read_timeout":0.05}`, status: 202, task: "completed"})
	for _, n := range []int{-1, 10, 100 << 10} {
		p.up.Always("/in/b", upstream.Stall(n))
		p.breaks("b")
	}
	p.up.Always("/in/b", nil)
	p.step(step{do: "PATCH {remote}", body: `{"sock_read_timeout":null}`, status: 202, task: "completed"})
	p.up.Always("/in/small", upstream.Wrong())
	p.breaks("small")
	p.up.Always("/in/small", nil)
	p.serves("a", "one", "b", "big two", "small", "three")
	p.sync(`{"optimize":false}`, "completed", `created_resources = []`)
	p.serves("b", "big two")
}

// changed: the upstream has other files by the time of the download. The old ones are gone for good, the next sync
// brings the new ones.
func changed(t *testing.T, p *pull) {
	p.has("a", "one", "b", "big two")
	p.sync(`{}`, "completed", `result.number = 1`)
	p.has("a", "three", "b", "big four")
	p.breaks("a")
	p.breaks("b")
	for _, text := range []string{"one", "big two", "three", "big four"} {
		if p.stored(p.text(text)) {
			t.Errorf("%q was stored", text)
		}
	}
	p.sync(`{}`, "completed", `result.number = 2`)
	p.holds("{repo}versions/1/", "a", "one", "b", "big two")
	p.serves("a", "three", "b", "big four")
}

// canceled: whoever waits for the upstream stops waiting. The promise is two seconds; the test only waits for the end.
func canceled(t *testing.T, p *pull, stalls string) {
	p.has("a", "one", "b", "two")
	p.up.Script(stalls, upstream.Stall(1))
	p.step(step{do: "POST {repo}sync/", body: `{}`, status: 202, keep: map[string]string{"task": "task"}})
	<-p.up.Stalled()
	p.step(step{do: "GET {task}", status: 200, want: []string{`state = "running"`}})
	p.step(step{do: "PATCH {task}", body: `{"state":"canceled"}`, status: 200})
	end := p.finished(t, "the sync", []byte(`{"task":"`+p.vars["task"]+`"}`))
	if fault := check(end, `state = "canceled"`); fault != "" {
		t.Fatalf("%s in %s", fault, end)
	}
	if fault := check(end, `progress_reports.*.state ~ ^\[("(completed|canceled)",?)+\]$`); fault != "" {
		t.Errorf("%s in %s", fault, end)
	}
	p.holds("{repo}")
	p.step(step{do: "GET {repo}versions/", status: 200, want: []string{`count = 1`}})
	p.sync(`{}`, "completed", `result.number = 1`)
	p.holds("{repo}", "a", "one", "b", "two")
}

// triedAgain: what may pass is tried again, and then nobody notices.
func triedAgain(t *testing.T, p *pull) {
	p.remote("patient", manifest, `"policy":"immediate","max_retries":1`)
	p.has("a", "one", "b", "two", "c", "three")
	p.up.Script(manifest, upstream.Status(500))
	p.up.Script("/in/a", upstream.Status(503))
	p.up.Script("/in/b", upstream.Reset(2))
	p.up.Script("/in/c", upstream.Wrong())
	p.sync(`{"remote":"{patient}"}`, "completed", `result.number = 1`)
	p.holds("{repo}", "a", "one", "b", "two", "c", "three")
	p.wasAsked([]string{"PULP_MANIFEST", "a", "b", "c"}, 2, 2, 2, 2)
	p.has("a", "four", "b", "two", "c", "three")
	p.up.Script("/in/a", upstream.Status(500), upstream.Status(500))
	p.fails(`{"remote":"{patient}"}`, "{up}/in/a", "500", "tried 2 times")
}

// givenUp: an upstream that has nothing of what it lists is not asked for all of it, and the reason stays readable.
func givenUp(t *testing.T, p *pull) {
	const many = 1500
	list := ""
	for i := range many {
		list += p.list(fmt.Sprintf("f%d", i), "one")
	}
	p.up.Set(manifest, []byte(list))
	p.fails(`{}`, "PLP0025", "404", "{up}/in/f", "at least 10", "more")
	if n := p.up.Total(); n > many/2 {
		t.Errorf("the upstream was asked %d times", n)
	}
	p.up.Set("/in/f0", []byte(p.text("one")))
	p.up.Set(manifest, []byte(p.list("f0", "one")))
	p.sync(`{}`, "completed", `result.number = 1`)
}

// forbidden: the remote's own URL is looked at as well.
func forbidden(t *testing.T, p *pull) {
	for name, url := range map[string]string{"metadata": "http://169.254.169.254/latest/", "loopback": "http://127.0.0.2:9/x", "six": "http://[::1]:9/x", "mapped": "http://[::ffff:127.0.0.3]:9/x", "nowhere": "http://0.0.0.0:9/x"} {
		p.step(step{do: "POST " + fileRemotes, body: `{"name":"{u}` + name + `","url":"` + url + `","max_retries":0}`, status: 201, keep: map[string]string{name: "pulp_href"}})
		p.fails(`{"remote":"{`+name+`}"}`, "PLP0027", url, "egress.allow")
	}
	if t.Failed() {
		t.FailNow()
	}
	p.has("a", "one")
	p.sync(`{}`, "completed")
}
