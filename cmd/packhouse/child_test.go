package main_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/upstream"
)

// syncKind is the kind that these tests run in processes of their own.
const syncKind = "pulp_file.app.tasks.synchronizing.synchronize"

// isolating are processes that run syncs in processes of their own, over an upstream.
func isolating(t *testing.T) (*processes, *upstream.Server) {
	p, up := newProcesses(t), upstream.New(t)
	p.environ = append(p.environ, "PACKHOUSE_WORKER__ISOLATE="+syncKind, "PACKHOUSE_EGRESS__ALLOW=127.0.0.1")
	content := []byte("content of the file")
	up.Set("/a.txt", content)
	up.Set("/PULP_MANIFEST", fmt.Appendf(nil, "a.txt,%x,%d\n", sha256.Sum256(content), len(content)))
	return p, up
}

// sync begins a sync of a new repository and gives its task, and the repository.
func (p *processes) sync(name string, up *upstream.Server) (task, repository string) {
	p.t.Helper()
	remote := p.post("/pulp/api/v3/remotes/file/file/", map[string]any{"name": name, "url": up.URL + "/PULP_MANIFEST"})
	made := p.post("/pulp/api/v3/repositories/file/file/", map[string]any{"name": name, "remote": remote["pulp_href"]})
	repository = made["pulp_href"].(string)
	return p.post(repository+"sync/", map[string]any{})["task"].(string), repository
}

// ended waits for the end of a task.
func (p *processes) ended(href, state string) map[string]any {
	p.t.Helper()
	p.await("the end of a task", func() bool { return p.get(href)["finished_at"] != nil })
	row := p.get(href)
	if row["state"] != state {
		p.t.Errorf("the task is %v, with %v", row["state"], row["error"])
	}
	return row
}

// children are the processes that a process has started.
func (p *process) children() (pids []int) {
	text, _ := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(p.cmd.Process.Pid)).Output() // none is an error
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		must(p.t, err)
		pids = append(pids, pid)
	}
	return pids
}

// gone tells whether a process has ended.
func gone(pid int) bool {
	state, _ := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output() // none is an error
	return len(state) == 0 || state[0] == 'Z'
}

// stalled begins a sync that never gets its manifest, and gives its task and its process.
func (p *processes) stalled(name string, up *upstream.Server, worker *process) (task string, child int) {
	p.t.Helper()
	up.Always("/PULP_MANIFEST", upstream.Stall(3))
	task, _ = p.sync(name, up)
	select {
	case <-up.Stalled():
	case <-time.After(patience):
		p.t.Fatal("the upstream is not asked")
	}
	all := worker.children()
	if len(all) != 1 {
		p.t.Fatalf("the worker has the children %v", all)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", all[0]))
	must(p.t, err)
	if string(text) != "packhouse\x00run-task\x00" {
		p.t.Errorf("the child is started as %q", text)
	}
	return task, all[0]
}

func TestATaskInAProcessOfItsOwn(t *testing.T) {
	t.Parallel()
	p, up := isolating(t)
	// As an operator may give a secret that must not be seen: with a flag of a process that was started by hand.
	database := p.environ[4]
	p.environ = append(p.environ[:4:4], p.environ[5:]...)
	flag := "database.url=" + strings.TrimPrefix(database, "PACKHOUSE_DATABASE__URL=")
	p.run("migrate", "--set", flag)
	p.start("api", "--set", flag)
	p.await("the API", func() bool { p.get("/pulp/api/v3/status/"); return p.reachable })
	worker := p.start("worker", "--set", flag)

	// It is as if there were no other process.
	task, repository := p.sync("well", up)
	row := p.ended(task, "completed")
	if len(row["created_resources"].([]any)) != 1 || len(row["progress_reports"].([]any)) == 0 {
		t.Errorf("the task is %v", row)
	}
	if made := p.get(repository)["latest_version_href"]; made != repository+"versions/1/" {
		t.Errorf("the repository has %v", made)
	}
	up.Always("/PULP_MANIFEST", upstream.Status(404))
	task, _ = p.sync("badly", up)
	if fault := p.ended(task, "failed")["error"].(map[string]any); fault["error_code"] != "PLP0025" || !strings.Contains(fault["description"].(string), "404") {
		t.Errorf("the task failed with %v", fault)
	}

	task, child := p.stalled("canceled", up, worker)
	p.patch(task, map[string]any{"state": "canceled"})
	p.ended(task, "canceled")
	p.await("the end of the child", func() bool { return gone(child) })

	task, child = p.stalled("suspended", up, worker)
	other := p.start("worker", "--set", flag)
	must(t, worker.cmd.Process.Signal(syscall.SIGSTOP))
	if fault := p.ended(task, "failed")["error"].(map[string]any); !strings.Contains(fmt.Sprint(fault["reason"]), "gone missing") {
		t.Errorf("the task failed with %v", fault)
	}
	must(t, worker.cmd.Process.Signal(syscall.SIGCONT))
	p.await("the end of the child of a worker that comes back", func() bool { return gone(child) })
	other.kill()

	task, child = p.stalled("killed", up, worker)
	worker.kill()
	p.await("the end of the child of a worker that was killed", func() bool { return gone(child) })
	p.start("worker", "--set", flag)
	p.ended(task, "failed")
}

func TestATaskInAProcessOfItsOwnEmbedded(t *testing.T) {
	t.Parallel()
	p, up := isolating(t)
	collector := testkit.NewCollector(t)
	p.environ = append(p.environ[:4:4], p.environ[6:]...) // neither PostgreSQL nor Redis
	p.environ = append(p.environ, "PACKHOUSE_LISTEN="+strings.TrimPrefix(p.url, "http://"), "PACKHOUSE_TELEMETRY__ENDPOINT="+collector.URL)
	server, says := p.watch("serve")
	p.await("the API", func() bool { p.get("/pulp/api/v3/status/"); return p.reachable })
	synced, repository := p.sync("well", up)
	p.ended(synced, "completed")
	if made := p.get(repository)["latest_version_href"]; made != repository+"versions/1/" {
		t.Errorf("the repository has %v", made)
	}
	task, child := p.stalled("canceled", up, server)
	p.patch(task, map[string]any{"state": "canceled"})
	p.ended(task, "canceled")
	p.await("the end of the child", func() bool { return gone(child) })
	must(t, server.cmd.Process.Signal(syscall.SIGTERM))
	must(t, server.cmd.Wait())
	goesOn(t, collector, synced)
	for line := range strings.Lines(says.all()) {
		if strings.Count(line, "trace_id") > 1 {
			t.Errorf("a line says its trace twice: %s", line)
		}
	}
}

// goesOn checks that the trace of a task goes on through its process, up to the stages of the work.
func goesOn(t *testing.T, c *testkit.Collector, task string) {
	t.Helper()
	of := func(name string, is func(s testkit.Span) bool) testkit.Span {
		found := slices.DeleteFunc(c.Named(name), func(s testkit.Span) bool { return !is(s) })
		if len(found) != 1 {
			t.Fatalf("%s has %d spans of the task", name, len(found))
		}
		return found[0]
	}
	byID := func(s testkit.Span) bool { return strings.Contains(task, s.Attributes["packhouse.task.id"]) }
	whole, part := of("task "+syncKind, byID), of("task process", byID)
	stage := of("sync read", func(s testkit.Span) bool { return s.Parent == part.ID })
	if part.Trace != whole.Trace || part.Parent != whole.ID || stage.Trace != whole.Trace {
		t.Errorf("the task is %+v, its process %+v, a stage %+v", whole, part, stage)
	}
	if whole.Service["packhouse.mode"] != "serve" || part.Service["packhouse.mode"] != "child" || stage.Service["packhouse.mode"] != "child" {
		t.Errorf("they are of %v, %v and %v", whole.Service, part.Service, stage.Service)
	}
}
