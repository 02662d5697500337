// Package main_test runs the binary itself, in the ways that only whole processes can show.
package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/packhouse/packhouse/core/testkit"
)

// TestAKilledWorkerLeavesNothingHalfDone kills a worker with SIGKILL in the middle of a task: the task fails with a
// reason, its locks are free, no version is half made, and the next task on the same repository runs.
func TestAKilledWorkerLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	p := newProcesses(t)
	p.run("migrate")
	p.start("api")
	p.await("the API", func() bool { p.get("/pulp/api/v3/status/"); return p.reachable })
	victim := p.start("worker")

	repo := p.post("/pulp/api/v3/repositories/file/file/", map[string]any{"name": "r"})
	unit := p.upload("a.txt", "hello")
	href := repo["pulp_href"].(string)
	release := p.holdRepository(repo["prn"].(string))
	modify := func() string {
		return p.post(href+"modify/", map[string]any{"add_content_units": []any{unit["pulp_href"]}})["task"].(string)
	}
	first := modify()
	p.await("the task to run", func() bool { return p.get(first)["state"] == "running" })
	second := modify()

	victim.kill()
	killed := time.Now()
	release()
	p.start("worker")

	p.await("the task of the dead worker to be settled", func() bool { return p.get(first)["finished_at"] != nil })
	dead := p.get(first)
	reason, _ := dead["error"].(map[string]any)["reason"].(string)
	if dead["state"] != "failed" || !strings.Contains(reason, "gone missing") || len(dead["created_resources"].([]any)) != 0 {
		t.Errorf("the task of the dead worker: %v", dead)
	}
	t.Logf("settled %s after the kill, with a time to live of %d s", time.Since(killed).Round(time.Second), workerTTL)
	p.await("the next task", func() bool { return p.get(second)["finished_at"] != nil })
	if next := p.get(second); next["state"] != "completed" || len(next["created_resources"].([]any)) != 1 {
		t.Errorf("the next task: %v", next)
	}
	if versions := p.get(href + "versions/"); versions["count"] != 2.0 {
		t.Errorf("versions: %v", versions)
	}
	for table, want := range map[string]int{"core_task_locks": 0, "core_repository_contents": 1} {
		if n := p.count(table); n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
}

// The first user.
const admin, adminPassword = "admin", "Correct-horse-7"

// workerTTL is the time in seconds after which a silent worker counts as dead; the default, 30, only makes the test long.
const workerTTL = 3

// patience ends a test that hangs; nothing is measured by it.
const patience = time.Minute

// processes are commands of the real binary over one PostgreSQL, one Redis and one folder.
type processes struct {
	t         *testing.T
	binary    string
	environ   []string
	database  string
	url       string
	reachable bool
}

type process struct {
	t   *testing.T
	cmd *exec.Cmd
}

func newProcesses(t *testing.T) *processes {
	t.Helper()
	dir := t.TempDir()
	binary, err := theBinary()
	must(t, err)
	p := &processes{t: t, binary: binary, database: testkit.Postgres(t)}
	address := spare(t)
	p.url = "http://" + address
	p.environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PACKHOUSE_DATA=" + filepath.Join(dir, "data"), "PACKHOUSE_ADMIN_PASSWORD=" + adminPassword,
		"PACKHOUSE_DATABASE__URL=" + p.database, "PACKHOUSE_REDIS_URL=" + testkit.Redis(t), "PACKHOUSE_API_LISTEN=" + address,
		"PACKHOUSE_WORKER_TTL=" + strconv.Itoa(workerTTL),
	}
	return p
}

// spare is an address that nobody listened on a moment ago.
func spare(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (p *processes) run(args ...string) {
	p.t.Helper()
	cmd := exec.Command(p.binary, args...)
	cmd.Env = p.environ
	if text, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("packhouse %v: %s\n%s", args, err, text)
	}
}

func (p *processes) start(args ...string) *process {
	p.t.Helper()
	var text bytes.Buffer
	cmd := exec.Command(p.binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.environ, &text, &text
	must(p.t, cmd.Start())
	one := &process{t: p.t, cmd: cmd}
	p.t.Cleanup(func() {
		one.kill()
		if p.t.Failed() {
			p.t.Logf("packhouse %v:\n%s", args, text.String())
		}
	})
	return one
}

// kill ends the process with SIGKILL and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	_ = p.cmd.Wait()         // its exit code is that of the kill
}

// await asks again and again until something is so.
func (p *processes) await(what string, so func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			p.t.Fatalf("waited in vain for %s", what)
		case <-again.C:
		}
	}
}

func (p *processes) get(path string) map[string]any {
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+path, nil)
	must(p.t, err)
	return p.do(request)
}

func (p *processes) post(path string, body any) map[string]any {
	p.t.Helper()
	return p.send(http.MethodPost, path, body)
}

func (p *processes) patch(path string, body any) map[string]any {
	p.t.Helper()
	return p.send(http.MethodPatch, path, body)
}

func (p *processes) send(method, path string, body any) map[string]any {
	p.t.Helper()
	text, err := json.Marshal(body)
	must(p.t, err)
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, bytes.NewReader(text))
	must(p.t, err)
	request.Header.Set("Content-Type", "application/json")
	answer := p.do(request)
	if answer == nil {
		p.t.Fatalf("%s %s failed", method, path)
	}
	return answer
}

func (p *processes) upload(path, text string) map[string]any {
	p.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	must(p.t, form.WriteField("relative_path", path))
	part, err := form.CreateFormFile("file", path)
	must(p.t, err)
	_, err = io.WriteString(part, text)
	must(p.t, err)
	must(p.t, form.Close())
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/pulp/api/v3/content/file/files/upload/", &body)
	must(p.t, err)
	request.Header.Set("Content-Type", form.FormDataContentType())
	unit := p.do(request)
	if unit["pulp_href"] == nil {
		p.t.Fatalf("upload: %v", unit)
	}
	return unit
}

// do gives the JSON of an answer, nil when there is none.
func (p *processes) do(request *http.Request) map[string]any {
	request.SetBasicAuth(admin, adminPassword)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	p.reachable = true
	defer func() { _ = answer.Body.Close() }()
	var value map[string]any
	if json.NewDecoder(answer.Body).Decode(&value) != nil {
		return nil
	}
	return value
}

// holdRepository locks the repository's row, so that a commit stops in the middle until release.
func (p *processes) holdRepository(prn string) (release func()) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.database)
	must(p.t, err)
	tx, err := conn.Begin(p.t.Context())
	must(p.t, err)
	id := prn[strings.LastIndexByte(prn, ':')+1:]
	_, err = tx.Exec(p.t.Context(), "SELECT 1 FROM core_repositories WHERE id = $1 FOR UPDATE", id)
	must(p.t, err)
	return func() {
		must(p.t, tx.Rollback(p.t.Context()))
		must(p.t, conn.Close(p.t.Context()))
	}
}

func (p *processes) count(table string) (n int) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.database)
	must(p.t, err)
	defer func() { _ = conn.Close(p.t.Context()) }()
	must(p.t, conn.QueryRow(p.t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
