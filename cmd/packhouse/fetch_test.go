package main_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestAKilledFetchIsTakenOver kills a content process with SIGKILL while it receives one file and saves another: clients
// of another process wait for its leases to run out, no longer, and get both files; nothing is half stored.
func TestAKilledFetchIsTakenOver(t *testing.T) {
	t.Parallel()
	p, up := newProcesses(t), upstream.New(t)
	p.environ = append(p.environ, "PACKHOUSE_EGRESS__ALLOW=127.0.0.1")
	coming, saved := bytes.Repeat([]byte("coming "), 40_000), bytes.Repeat([]byte("saved "), 40_000)
	p.mirror(up, map[string][]byte{"coming.bin": coming, "saved.bin": saved})
	victim, at := p.content()
	_, other := p.content()
	up.Script("/coming.bin", upstream.Stall(100_000))
	release := p.holdUnits()

	cut, whole := p.fetch(at, "coming.bin"), p.fetch(at, "saved.bin")
	select {
	case <-up.Stalled():
	case <-time.After(patience):
		t.Fatal("the upstream is not asked")
	}
	p.await("the save", func() bool { return p.waiting() == 1 })
	if got := <-whole; got.broken != nil || !bytes.Equal(got.body, saved) {
		t.Errorf("what was verified was sent as %d bytes, %v", len(got.body), got.broken)
	}
	waiting := map[string]<-chan fetched{"coming.bin": p.fetch(other, "coming.bin"), "saved.bin": p.fetch(other, "saved.bin")}
	victim.kill()
	release()
	if got := <-cut; got.broken == nil || len(got.body) >= len(coming) {
		t.Errorf("the client of the killed process got %d bytes, %v", len(got.body), got.broken)
	}
	for name, body := range map[string][]byte{"coming.bin": coming, "saved.bin": saved} {
		for range 2 {
			got, more := <-waiting[name]
			if !more {
				got = <-p.fetch(other, name)
			}
			if got.broken != nil || got.status != http.StatusOK || !bytes.Equal(got.body, body) {
				t.Errorf("%s: %d, %d of %d bytes, %v", name, got.status, len(got.body), len(body), got.broken)
			}
		}
		if n := up.Count("/" + name); n != 2 {
			t.Errorf("%s: the upstream was asked %d times", name, n)
		}
	}
	p.await("both to be stored", func() bool { return p.count("core_content_artifacts WHERE artifact_id IS NULL") == 0 })
	if n := p.count("core_fetch_leases"); n != 0 {
		t.Errorf("%d leases are left", n)
	}
}

// mirror makes an API and a worker, and a distribution "d" of what an upstream has, none of it downloaded.
func (p *processes) mirror(up *upstream.Server, files map[string][]byte) {
	p.t.Helper()
	var manifest []byte
	for name, body := range files {
		up.Set("/"+name, body)
		manifest = fmt.Appendf(manifest, "%s,%x,%d\n", name, sha256.Sum256(body), len(body))
	}
	up.Set("/PULP_MANIFEST", manifest)
	p.run("migrate")
	p.start("api")
	p.await("the API", func() bool { p.get("/pulp/api/v3/status/"); return p.reachable })
	p.start("worker")
	remote := p.post("/pulp/api/v3/remotes/file/file/", map[string]any{"name": "d", "url": up.URL + "/PULP_MANIFEST", "policy": "on_demand"})
	repository := p.post("/pulp/api/v3/repositories/file/file/", map[string]any{"name": "d", "remote": remote["pulp_href"], "autopublish": true})["pulp_href"].(string)
	p.ended(p.post(repository+"sync/", map[string]any{})["task"].(string), "completed")
	made := p.post("/pulp/api/v3/distributions/file/file/", map[string]any{"name": "d", "base_path": "d", "repository": repository})
	p.ended(made["task"].(string), "completed")
}

// content starts a content process and gives its address.
func (p *processes) content() (*process, string) {
	p.t.Helper()
	at := spare(p.t)
	one := p.start("content", "--set", "content_listen="+at)
	p.await("a content process", func() bool { got := <-p.fetch(at, "PULP_MANIFEST"); return got.status == http.StatusOK })
	return one, at
}

// fetched is what a client got.
type fetched struct {
	status int
	body   []byte
	broken error
}

// fetch begins a download; the channel is closed behind its end.
func (p *processes) fetch(at, name string) <-chan fetched {
	done := make(chan fetched, 1)
	go func() {
		defer close(done)
		request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+at+"/pulp/content/d/"+name, http.NoBody)
		if err != nil {
			done <- fetched{broken: err}
			return
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			done <- fetched{broken: err}
			return
		}
		defer func() { _ = answer.Body.Close() }() // it was read
		got := fetched{status: answer.StatusCode}
		got.body, got.broken = io.ReadAll(answer.Body)
		done <- got
	}()
	return done
}

// holdUnits locks what says which file a unit has, so that a save stops in the middle until release.
func (p *processes) holdUnits() (release func()) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.database)
	must(p.t, err)
	tx, err := conn.Begin(p.t.Context())
	must(p.t, err)
	_, err = tx.Exec(p.t.Context(), "SELECT 1 FROM core_content_artifacts WHERE artifact_id IS NULL FOR UPDATE")
	must(p.t, err)
	return func() {
		must(p.t, tx.Rollback(p.t.Context()))
		must(p.t, conn.Close(p.t.Context()))
	}
}

// waiting counts the statements that wait to say which file a unit has.
func (p *processes) waiting() int {
	return p.count(`pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE "core_content_artifacts"%'`)
}
