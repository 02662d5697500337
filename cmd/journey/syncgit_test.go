package journey_test

import (
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// TestSyncsOfGit brings a real repository in, commit by commit.
func TestSyncsOfGit(t *testing.T) {
	t.Parallel()
	onEachThatPulls(t, func(t *testing.T, w *world) {
		t.Run("commits", func(t *testing.T) { t.Parallel(); commits(t, w.pulls(t, "immediate", "")) })
		t.Run("large files", func(t *testing.T) { t.Parallel(); pointers(t, w.pulls(t, "immediate", "")) })
	})
}

// workTree is a real git repository of branch main, served at {git}.
type workTree struct {
	*pull
	dir string
}

func (p *pull) workTree() *workTree {
	p.t.Helper()
	root := p.t.TempDir()
	w := &workTree{p, filepath.Join(root, "work")}
	must(p.t, os.Mkdir(w.dir, 0o750))
	w.git("init", "-q", "-b", "main")
	program, err := exec.LookPath("git")
	must(p.t, err)
	server := httptest.NewServer(&cgi.Handler{Path: program, Args: []string{"http-backend"}, Dir: w.dir, Stderr: p.t.Output(),
		Env: append(gitEnviron(), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1")})
	p.t.Cleanup(server.Close)
	p.vars["git"] = server.URL + "/work"
	p.step(step{do: "POST " + gitRemotes, body: `{"name":"{u}","url":"{git}","git_ref":"main","max_retries":0}`, status: 201, keep: map[string]string{"r": "pulp_href", "r_prn": "prn"}})
	return w
}

func gitEnviron() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
}

func (w *workTree) git(args ...string) string {
	w.t.Helper()
	c := exec.CommandContext(w.t.Context(), "git", args...)
	c.Dir, c.Env, c.Stderr = w.dir, gitEnviron(), w.t.Output()
	out, err := c.Output()
	must(w.t, err)
	return strings.TrimSpace(string(out))
}

// commit makes a commit of exactly these paths and names of texts.
func (w *workTree) commit(pairs ...string) {
	w.t.Helper()
	texts := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		texts[pairs[i]] = w.text(pairs[i+1])
	}
	w.commitTexts(texts)
}

func (w *workTree) commitTexts(texts map[string]string) {
	w.t.Helper()
	w.git("rm", "-q", "-r", "--ignore-unmatch", ".")
	for path, text := range texts {
		name := filepath.Join(w.dir, filepath.FromSlash(path))
		must(w.t, os.MkdirAll(filepath.Dir(name), 0o750))
		must(w.t, os.WriteFile(name, []byte(text), 0o600))
	}
	w.git("add", "-A")
	w.git("commit", "-q", "-m", "next")
}

func commits(t *testing.T, p *pull) {
	w := p.workTree()
	w.commit("a", "one", "d/b", "two", "d/with space", "big three")
	p.sync(`{"remote":"{r}"}`, "completed", codes("sync.git.cloning", "sync.git.resolving_ref", "sync.git.parsing_tree", downloaded, associated), `result.number = 1`, `created_resources = ["{repo}versions/1/"]`,
		`reserved_resources_record.1 = "shared:{r_prn}"`, `progress_reports.*.state = ["completed","completed","completed","completed","completed"]`)
	p.holds("{repo}", "a", "one", "d/b", "two", "d/with space", "big three")
	p.publish()
	p.serves("a", "one", "d/b", "two", "d/with%20space", "big three")
	p.sync(`{"remote":"{r}"}`, "completed", `progress_reports ~ "code":"sync.was_skipped"`, `created_resources = []`)
	p.step(step{do: "GET {repo}", status: 200, want: []string{`last_sync_details.manifest_checksum = "` + w.git("rev-parse", "HEAD") + `"`}})

	w.commit("a", "four", "d/b", "two")
	p.sync(`{"remote":"{r}"}`, "completed", `result.number = 2`, `result.content_summary.added ~ "count":1,`)
	p.holds("{repo}", "a", "four", "d/b", "two", "d/with space", "big three")
	p.sync(`{"remote":"{r}","mirror":true}`, "completed", `result.number = 3`, `created_resources.# = 2`, `created_resources.1 ~ /publications/`, `progress_reports ~ "unassociating.content"`)
	p.holds("{repo}", "a", "four", "d/b", "two")
	p.serves("a", "four", "d/b", "two")
	if status, list, _ := p.get("PULP_MANIFEST"); status != 200 || len(list) != len(p.list("a", "four", "d/b", "two")) {
		t.Errorf("the manifest answers %d, %q", status, list)
	}
	w.git("tag", "v1", "HEAD~1")
	p.step(step{do: "PATCH {r}", body: `{"git_ref":"v1"}`, status: 202, task: "completed"})
	p.sync(`{"remote":"{r}","mirror":true}`, "completed", `result.number = 4`)
	p.holds("{repo}", "a", "one", "d/b", "two", "d/with space", "big three")
	p.step(step{do: "PATCH {r}", body: `{"git_ref":"nowhere"}`, status: 202, task: "completed"})
	p.fails(`{"remote":"{r}"}`, "nowhere", "{git}")
	p.step(step{do: "PATCH {r}", body: `{"git_ref":"main","url":"{git}less"}`, status: 202, task: "completed"})
	p.fails(`{"remote":"{r}"}`, "{git}less", "404")
}

// pointers: a pointer to a file that no server has is no file.
func pointers(t *testing.T, p *pull) {
	w := p.workTree()
	large := p.text("big one")
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + sum(large) + "\nsize " + "12345\n"
	w.commitTexts(map[string]string{"a": p.text("two"), "large.iso": pointer})
	p.fails(`{"remote":"{r}"}`, "LFS", "large.iso")
	if p.stored(pointer) {
		t.Error("the pointer was taken for the file")
	}
	p.holds("{repo}")
	w.commit("a", "two")
	p.sync(`{"remote":"{r}"}`, "completed", `result.number = 1`)
	p.holds("{repo}", "a", "two")
}

// TestSyncsFromNearerSources refreshes an alternate content source and syncs: what the source has comes from there, and
// what it gets wrong from the remote.
func TestSyncsFromNearerSources(t *testing.T) {
	t.Parallel()
	onEachThatPulls(t, func(t *testing.T, w *world) {
		p, near := w.pulls(t, "immediate", ""), upstream.New(t)
		p.vars["near"] = near.URL
		for path, text := range map[string]string{"/x/a-there": "one", "/x/b": "big two", "/y/c": "three"} {
			near.Set(path, []byte(p.text(text)))
		}
		near.Set("/x/PULP_MANIFEST", []byte(p.list("a-there", "one", "b", "big two")))
		near.Set("/y/PULP_MANIFEST", []byte(p.list("c", "three")))
		near.Always("/x/b", upstream.Wrong())
		p.step(step{do: "POST " + fileRemotes, body: `{"name":"{u}","url":"{near}/","policy":"on_demand","max_retries":0}`, status: 201, keep: map[string]string{"r": "pulp_href"}})
		p.step(step{do: "POST " + sources, body: `{"name":"{u}","remote":"{r}","paths":["x/PULP_MANIFEST","y/PULP_MANIFEST","z/PULP_MANIFEST"]}`, status: 201, keep: map[string]string{"acs": "pulp_href"}})
		p.step(step{do: "POST {acs}refresh/", status: 202, keep: map[string]string{"group": "task_group"}})
		p.refreshed(2, 1)
		if near.Count("/x/a-there") != 0 {
			t.Error("a refresh fetched a file")
		}
		p.step(step{do: "GET {acs}", status: 200, want: []string{`last_refreshed ~ ^"20`}})
		near.Set("/z/PULP_MANIFEST", nil)
		p.step(step{do: "POST {acs}refresh/", status: 202, keep: map[string]string{"group": "task_group"}})
		p.refreshed(3, 0)

		p.has("a", "one", "b", "big two", "c", "three", "d", "four")
		p.sync(`{}`, "completed", `result.number = 1`)
		p.holds("{repo}", "a", "one", "b", "big two", "c", "three", "d", "four")
		p.wasAsked([]string{"a", "b", "c", "d"}, 0, 1, 0, 1)
		for path, want := range map[string]int{"/x/a-there": 1, "/x/b": 1, "/y/c": 1} {
			if got := near.Count(path); got != want {
				t.Errorf("the source was asked %d times for %s, want %d", got, path, want)
			}
		}
		p.publish()
		p.serves("a", "one", "b", "big two", "c", "three", "d", "four")
		p.step(step{do: "DELETE {acs}", status: 202, task: "completed"})
		p.has("a", "five")
		near.Set("/x/a-there", []byte(p.text("five")))
		p.sync(`{}`, "completed", `result.number = 2`)
		p.wasAsked([]string{"a"}, 1)
	})
}

// refreshed waits for the tasks of {group} and wants this many of them completed and failed.
func (p *pull) refreshed(completed, failed int) {
	p.t.Helper()
	answer := p.do(p.t, p.request(p.t, step{do: "GET {group}"}, p.vars))
	hrefs, _ := at(answer.Body.Bytes(), "tasks.*.pulp_href")
	all, _ := hrefs.([]any)
	states := map[any]int{}
	for _, href := range all {
		state, _ := at(p.finished(p.t, "a refresh", []byte(`{"task":"`+href.(string)+`"}`)), "state")
		states[state]++
	}
	if states["completed"] != completed || states["failed"] != failed || len(all) != completed+failed {
		p.t.Fatalf("the refresh ended with %v, want %d completed and %d failed: %s", states, completed, failed, answer.Body)
	}
}
