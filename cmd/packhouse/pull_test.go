package main_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestAKilledPullIsTakenOver kills a content process with SIGKILL while it pulls a file through a distribution, and then the
// worker that adds what was pulled to the repository: clients get the file from another process, nothing is half done, and
// in the end all that was pulled is in the repository.
func TestAKilledPullIsTakenOver(t *testing.T) {
	t.Parallel()
	p, up := newProcesses(t), upstream.New(t)
	p.environ = append(p.environ, "PACKHOUSE_EGRESS__ALLOW=127.0.0.1")
	coming, added := bytes.Repeat([]byte("coming "), 40_000), bytes.Repeat([]byte("added "), 40_000)
	for name, body := range map[string][]byte{"coming.bin": coming, "added.bin": added, "PULP_MANIFEST": {}} {
		up.Set("/"+name, body)
	}
	p.run("migrate")
	p.start("api")
	p.await("the API", func() bool { p.get("/pulp/api/v3/status/"); return p.reachable })
	remote := p.post("/pulp/api/v3/remotes/file/file/", map[string]any{"name": "d", "url": up.URL + "/PULP_MANIFEST", "policy": "on_demand"})
	repository := p.post("/pulp/api/v3/repositories/file/file/", map[string]any{"name": "d", "autopublish": true})
	worker := p.start("worker")
	made := p.post("/pulp/api/v3/distributions/file/file/", map[string]any{"name": "d", "base_path": "d", "repository": repository["pulp_href"], "remote": remote["pulp_href"]})
	p.ended(made["task"].(string), "completed")
	victim, at := p.content()
	_, other := p.content()

	up.Script("/coming.bin", upstream.Stall(100_000))
	cut := p.fetch(at, "coming.bin")
	select {
	case <-up.Stalled():
	case <-time.After(patience):
		t.Fatal("the upstream is not asked")
	}
	taken := p.fetch(other, "coming.bin")
	victim.kill()
	if got := <-cut; got.broken == nil || len(got.body) >= len(coming) {
		t.Errorf("the client of the killed process got %d bytes, %v", len(got.body), got.broken)
	}
	if got := <-taken; got.broken != nil || got.status != http.StatusOK || !bytes.Equal(got.body, coming) {
		t.Errorf("%d, %d bytes, %v", got.status, len(got.body), got.broken)
	}
	inRepository := func(want int) func() bool {
		return func() bool { return p.count("core_repository_contents WHERE version_removed IS NULL") == want }
	}
	p.await("it is in the repository", inRepository(1))

	release := p.holdRepository(repository["prn"].(string))
	if got := <-p.fetch(other, "added.bin"); got.broken != nil || !bytes.Equal(got.body, added) {
		t.Errorf("%d, %d bytes, %v", got.status, len(got.body), got.broken)
	}
	const adding = "core_tasks WHERE name = 'packhouse.repository.add_pulled' AND state = "
	p.await("the task to add it", func() bool { return p.count(adding+"'running'") == 1 })
	p.await("the commit to wait", func() bool {
		return p.count("pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%core_repositories%'") == 1
	})
	worker.kill()
	release()
	p.start("worker")
	p.await("the task of the dead worker to be settled", func() bool { return p.count(adding+"'failed'") == 1 })
	if n := p.count("core_pulls WHERE waiting"); n != 1 || !inRepository(1)() {
		t.Errorf("%d files wait", n)
	}
	if got := <-p.fetch(other, "added.bin"); got.broken != nil || !bytes.Equal(got.body, added) {
		t.Errorf("what waits is sent as %d, %d bytes, %v", got.status, len(got.body), got.broken)
	}
	p.content() // looks after what waits when it starts
	p.await("both are in the repository", inRepository(2))
	for name, want := range map[string]int{"coming.bin": 2, "added.bin": 1} {
		if n := up.Count("/" + name); n != want {
			t.Errorf("%s: the upstream was asked %d times", name, n)
		}
	}
	if n := p.count("core_pulls WHERE waiting"); n != 0 {
		t.Errorf("%d files wait", n)
	}
}
