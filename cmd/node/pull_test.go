package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// pullsThrough makes a repository, a remote and a distribution "p" of both.
func (r *running) pullsThrough(up *upstream.Server, autopublish bool) (repository, remote, distribution string) {
	r.t.Helper()
	made := func(path string, body map[string]any) string {
		r.t.Helper()
		status, answer := r.call("POST", "/pulp/api/v3/"+path, body)
		href, ok := answer["pulp_href"].(string)
		if !ok {
			r.t.Fatalf("%s: %d %v", path, status, answer)
		}
		return href
	}
	repository = made("repositories/file/file/", map[string]any{"name": "pulled", "autopublish": autopublish})
	remote = made("remotes/file/file/", map[string]any{"name": "pulled", "url": up.URL + "/pool/PULP_MANIFEST", "policy": "on_demand"})
	task := r.done("POST", "/pulp/api/v3/distributions/file/file/", map[string]any{"name": "p", "base_path": "p", "repository": repository, "remote": remote})
	return repository, remote, task["created_resources"].([]any)[0].(string)
}

// latest is the number of the newest version of a repository, and how many files it has.
func (r *running) latest(repository string) (number string, files int) {
	r.t.Helper()
	_, answer := r.call("GET", repository, nil)
	version, _ := answer["latest_version_href"].(string)
	_, answer = r.call("GET", "/pulp/api/v3/content/file/files/?limit=1&repository_version="+version, nil)
	count, _ := answer["count"].(float64)
	parts := strings.Split(strings.Trim(version, "/"), "/")
	return parts[len(parts)-1], int(count)
}

// bothWays runs a test in one process with its own database, and with processes for everything.
func bothWays(t *testing.T, test func(t *testing.T, api *running, contents []*running)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_EGRESS__ALLOW=127.0.0.1")...)
		test(t, n, []*running{n})
	})
	t.Run("split", func(t *testing.T) {
		t.Parallel()
		environ := append(split(t, t.TempDir()), "PACKHOUSE_EGRESS__ALLOW=127.0.0.1")
		setUp(t, false, environ...)
		api := start(t, API, environ...)
		start(t, Worker, environ...)
		test(t, api, []*running{start(t, Content, environ...), start(t, Content, environ...)})
	})
}

// TestPulledFilesJoinTheRepository: many files that clients ask for at once are added to the repository in few versions, are
// published, and are served from then on without the upstream.
func TestPulledFilesJoinTheRepository(t *testing.T) {
	bothWays(t, func(t *testing.T, api *running, contents []*running) {
		up := upstream.New(t)
		repository, _, distribution := api.pullsThrough(up, true)
		const files = 60
		for i := range files {
			up.Set(fmt.Sprintf("/pool/a/f%d.txt", i), fmt.Appendf(nil, "file %d\n", i))
		}
		up.Set("/pool/PULP_MANIFEST", []byte("the upstream's"))
		if status, got := contents[0].call("GET", "/pulp/content/p/PULP_MANIFEST", nil); status != http.StatusOK || got["text"] != "the upstream's" {
			t.Errorf("the manifest of the upstream is answered with %d %v", status, got)
		}
		var all sync.WaitGroup
		slots := make(chan bool, 20)
		for i := range files {
			all.Go(func() {
				slots <- true
				defer func() { <-slots }()
				status, got := contents[i%len(contents)].call("GET", fmt.Sprintf("/pulp/content/p/a/f%d.txt", i), nil)
				if status != http.StatusOK || got["text"] != fmt.Sprintf("file %d\n", i) {
					t.Errorf("file %d: %d %v", i, status, got)
				}
			})
		}
		all.Wait()
		api.until("all are in the repository", func() bool { _, n := api.latest(repository); return n == files })
		if n, _ := api.latest(repository); len(n) > 2 || n > "45" && len(n) == 2 {
			t.Errorf("%s versions for %d files", n, files)
		}
		var lines string
		api.until("the manifest has all", func() bool {
			_, got := contents[0].call("GET", "/pulp/content/p/PULP_MANIFEST", nil)
			lines, _ = got["text"].(string)
			return strings.Count(lines, "\n") == files
		})
		asked := up.Total()
		for i := range files {
			if status, _ := contents[0].call("GET", fmt.Sprintf("/pulp/content/p/a/f%d.txt", i), nil); status != http.StatusOK {
				t.Errorf("file %d: %d", i, status)
			}
		}
		if n := up.Total(); n != asked || n > 2*files {
			t.Errorf("the upstream was asked %d times, and then %d times", asked, n-asked)
		}
		if _, got := api.call("GET", "/pulp/api/v3/tasks/?name=packhouse.repository.add_pulled&state=completed", nil); got["count"] == 0.0 || got["count"].(float64) >= files {
			t.Errorf("%v tasks have added %d files", got["count"], files)
		}
		if status, got := contents[0].call("GET", "/pulp/content/p/a/", nil); status != http.StatusOK || !strings.Contains(fmt.Sprint(got["text"]), "f59.txt") {
			t.Errorf("the listing: %d %v", status, got)
		}
		if _, got := api.call("GET", distribution, nil); got["remote"] == nil {
			t.Errorf("the distribution has no remote: %v", got)
		}
	})
}

// TestPulledWithoutPublishing: what is pulled is served also while nothing is published, and a changed file takes the place of
// the one before it.
func TestPulledWithoutPublishing(t *testing.T) {
	t.Parallel()
	up := upstream.New(t)
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_EGRESS__ALLOW=127.0.0.1", "PACKHOUSE_PULL_THROUGH__FRESH=0", "PACKHOUSE_PULL_THROUGH__MISSING=0")...)
	repository, remote, distribution := n.pullsThrough(up, false)
	for version, text := range []string{"one", "two", "three"} {
		up.Set("/pool/f", []byte(text))
		n.until("it is "+text, func() bool {
			_, got := n.call("GET", "/pulp/content/p/f", nil)
			return got["text"] == text
		})
		n.until("it is in the repository", func() bool { number, _ := n.latest(repository); return number == fmt.Sprint(version+1) })
		if _, files := n.latest(repository); files != 1 {
			t.Errorf("%d files", files)
		}
	}
	up.Remove("/pool/f")
	if _, got := n.call("GET", "/pulp/content/p/f", nil); got["text"] != "three" {
		t.Errorf("%v", got)
	}
	// A file that runs through another one is served and not added.
	up.Set("/pool/f/below", []byte("below"))
	for range 2 {
		if status, got := n.call("GET", "/pulp/content/p/f/below", nil); status != http.StatusOK {
			t.Errorf("%d %v", status, got)
		}
	}
	n.until("it is left out", func() bool {
		var refused int64
		if err := n.db.Read(t.Context()).Table("core_pulls").Where("path = ? AND refused AND NOT waiting", "f/below").Count(&refused).Error; err != nil {
			t.Fatal(err)
		}
		return refused == 1
	})
	// Taken out, it is what the upstream has.
	task := n.done("POST", repository+"modify/", map[string]any{"remove_content_units": []string{"*"}})
	if status, _ := n.call("GET", "/pulp/content/p/f", nil); status != http.StatusNotFound || task == nil {
		t.Errorf("what was removed is answered with %d", status)
	}
	// Another repository begins anew, no remote ends it.
	n.done("PATCH", distribution, map[string]any{"repository": nil})
	var rows int64
	if err := n.db.Read(t.Context()).Table("core_pulls").Count(&rows).Error; err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
	up.Set("/pool/f", []byte("four"))
	if _, got := n.call("GET", "/pulp/content/p/f", nil); got["text"] != "four" {
		t.Errorf("%v", got)
	}
	// What no repository has goes with the next clean-up, and comes again.
	n.done("POST", "/pulp/api/v3/orphans/cleanup/", map[string]any{"orphan_protection_time": 0})
	if err := n.db.Read(t.Context()).Table("core_pulls").Where("content_id IS NOT NULL").Count(&rows).Error; err != nil || rows != 0 {
		t.Errorf("%d rows after the clean-up, %v", rows, err)
	}
	if _, got := n.call("GET", "/pulp/content/p/f", nil); got["text"] != "four" || up.Count("/pool/f") < 5 {
		t.Errorf("%v", got)
	}
	// Another URL begins anew too.
	n.until("it is stored", func() bool {
		return n.db.Read(t.Context()).Table("core_pulls").Count(&rows).Error == nil && rows == 1
	})
	n.done("PATCH", remote, map[string]any{"rate_limit": 1000})
	if err := n.db.Read(t.Context()).Table("core_pulls").Count(&rows).Error; err != nil || rows != 1 {
		t.Errorf("%d rows after a change that means nothing, %v", rows, err)
	}
	n.done("PATCH", remote, map[string]any{"url": up.URL + "/elsewhere/PULP_MANIFEST"})
	if err := n.db.Read(t.Context()).Table("core_pulls").Count(&rows).Error; err != nil || rows != 0 {
		t.Errorf("%d rows after another URL, %v", rows, err)
	}
	n.done("DELETE", remote, nil)
	if status, _ := n.call("GET", "/pulp/content/p/f", nil); status != http.StatusNotFound {
		t.Errorf("without a remote: %d", status)
	}
	if err := n.db.Read(t.Context()).Table("core_pulls").Count(&rows).Error; err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// TestPulledIsAddedInTheEnd: what waits because its task was lost is added when somebody looks after it.
func TestPulledIsAddedInTheEnd(t *testing.T) {
	bothWays(t, func(t *testing.T, api *running, contents []*running) {
		up := upstream.New(t)
		repository, _, _ := api.pullsThrough(up, true)
		up.Set("/pool/f", []byte("text"))
		contents[0].call("GET", "/pulp/content/p/f", nil)
		api.until("it is in the repository", func() bool { _, n := api.latest(repository); return n == 1 })
		api.done("POST", repository+"modify/", map[string]any{"remove_content_units": []string{"*"}})
		lost := func() error {
			return api.db.InTx(t.Context(), func(tx *db.Tx) error {
				return tx.Exec("UPDATE core_pulls SET waiting = TRUE").Error
			})
		}
		if err := lost(); err != nil {
			t.Fatal(err)
		}
		if status, got := contents[0].call("GET", "/pulp/content/p/f", nil); status != http.StatusOK || got["text"] != "text" {
			t.Errorf("what waits is answered with %d %v", status, got)
		}
		if err := contents[0].content.Fetcher.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		api.until("it is in the repository again", func() bool { _, n := api.latest(repository); return n == 1 })
		if n := up.Count("/pool/f"); n != 1 {
			t.Errorf("the upstream was asked %d times", n)
		}
	})
}

// TestRemotesOfDistributions: what a distribution may have as a remote, and with what.
func TestRemotesOfDistributions(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, embeddedIn(t.TempDir())...)
	up := upstream.New(t)
	repository, remote, distribution := n.pullsThrough(up, false)
	_, git := n.call("POST", "/pulp/api/v3/remotes/file/git/", map[string]any{"name": "git", "url": "https://up.example/x.git"})
	at := "/pulp/api/v3/distributions/file/file/"
	for name, body := range map[string]map[string]any{
		"git":        {"remote": git["pulp_href"]},
		"repository": {"remote": repository},
		"nothing":    {"remote": "/pulp/api/v3/remotes/file/file/01a1fcf6-8811-7000-8000-000000000000/"},
		"checkpoint": {"remote": remote, "repository": repository, "checkpoint": true},
		"number":     {"remote": 7},
	} {
		body["name"], body["base_path"] = name, name
		if status, answer := n.call("POST", at, body); status != http.StatusBadRequest || answer["remote"] == nil {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	user := func(name string, roles ...string) {
		_, made := n.call("POST", "/pulp/api/v3/users/", map[string]any{"username": name, "password": "a-long-password-4711"})
		for _, role := range roles {
			if status, answer := n.call("POST", fmt.Sprint(made["pulp_href"])+"roles/", map[string]any{"role": role, "domain": nil, "content_object": nil}); status != http.StatusCreated {
				t.Fatalf("%d %v", status, answer)
			}
		}
	}
	user("viewer", "file.filedistribution_owner", "file.filedistribution_creator", "file.fileremote_viewer", "file.filerepository_viewer")
	user("blind", "file.filedistribution_owner", "file.filedistribution_creator", "file.filerepository_owner")
	user("owner", "file.filedistribution_owner", "file.filedistribution_creator", "file.fileremote_viewer", "file.filerepository_owner")
	as := func(who, method, target string, body map[string]any) int {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return n.as(who, "a-long-password-4711", method, target, string(text))
	}
	fills := func(name string) map[string]any {
		return map[string]any{"name": name, "base_path": name, "repository": repository, "remote": remote}
	}
	if got := as("viewer", "POST", at, fills("v")); got != http.StatusForbidden {
		t.Errorf("who may not change the repository: %d", got)
	}
	if got := as("blind", "POST", at, fills("b")); !slices.Contains([]int{http.StatusForbidden, http.StatusBadRequest}, got) {
		t.Errorf("who may not see the remote: %d", got)
	}
	if got := as("owner", "POST", at, fills("o")); got != http.StatusAccepted {
		t.Errorf("who may: %d", got)
	}
	if got := as("viewer", "PATCH", distribution, map[string]any{"hidden": true}); got != http.StatusAccepted {
		t.Errorf("a change of something else: %d", got)
	}
	if got := as("viewer", "POST", at, map[string]any{"name": "c", "base_path": "c", "remote": remote}); got != http.StatusAccepted {
		t.Errorf("a distribution without a repository: %d", got)
	}
}
