package journey_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// TestTaskLogs reads what tasks said, and what was recorded of them on request (rest-contract §2.4, §4.12).
func TestTaskLogs(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		w.play(t, scenario{"a log and recordings", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href"}},
			{do: "POST " + pubs, header: map[string]string{"X-Task-Diagnostics": "memory,logs,unheard-of"}, body: `{"repository":"{repo}"}`, status: 202, task: "completed", keep: map[string]string{"task": "pulp_href"}},
			{do: "GET {task}logs/", status: 200, want: []string{`count = 3`, `results.*.message = ["The task began.","a publication was made","The task ended."]`, `results.0.level = "INFO"`, `results.0.attributes.worker ~ .`,
				`results.0.time ~ ^"20`, `results.1.attributes.version = 0`, `results.2.attributes = {"state":"completed"}`}, keep: map[string]string{"first": "results.0.id"}},
			{do: "GET {task}logs/?after={first}&limit=1", status: 200, want: []string{`count = 3`, `results.*.message = ["a publication was made"]`}},
			{do: "GET {task}logs/?level=warn", status: 200, want: []string{`count = 0`, `results = []`}},
			{do: "GET {task}logs/?format=text", status: 200, has: []string{"INFO  a publication was made checkpoint=false version=0\n"}, headers: map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
			{do: "GET {task}logs/?level=loud", status: 400, want: []string{`level.# = 1`}}, {do: "GET {task}logs/?after=-1", status: 400}, {do: "GET {task}logs/?format=xml", status: 400},
			{do: "GET {task}logs/?follow=perhaps", status: 400, want: []string{`follow.# = 1`}}, {do: "GET {task}logs/?limit=0", status: 400, want: []string{`limit.# = 1`}}, {do: "GET {task}logs/?limit=10001", status: 400},
			{do: "GET {task}logs/?follow=true", header: map[string]string{"Last-Event-ID": "x"}, status: 400},
			{as: plain, do: "GET {task}logs/", status: 404}, {as: "nobody", do: "GET {task}logs/?follow=true", status: 401}, {as: plain, do: "GET {task}profile_artifacts/", status: 404},
			{do: "GET {task}profile_artifacts/", status: 200, hasNot: []string{`\u0026`}, want: []string{`urls.memory_profile ~ ^"http://`, `urls.task_logs ~ .`, `urls.cpu_profile absent`}, keep: map[string]string{"memory": "urls.memory_profile", "logs": "urls.task_logs"}},
			wait("POST /orphans/cleanup/", `{"orphan_protection_time":0}`),
			{as: "nobody", do: "GET {memory}", status: 200, has: []string{"# Seconds\tMemory of the process in MB\n0.0\t"}}, {as: "nobody", do: "GET {logs}", status: 200, has: []string{"a publication was made"}},
			{as: "nobody", do: "GET {memory}0", status: 403}, {do: "GET {task}profile_artifacts/memory_profile/", status: 403, about: "also the admin needs the signature"},
			{do: "POST " + pubs, body: `{"repository":"{repo}"}`, status: 202, task: "completed", keep: map[string]string{"other": "pulp_href"}},
			{do: "GET {other}profile_artifacts/", status: 200, want: []string{`urls = {}`}},
			{do: "DELETE {task}", status: 204}, {as: "nobody", do: "GET {memory}", status: 404}, {do: "GET {task}logs/", status: 404},
		}})
	})
}

// events reads server-sent events one by one: name, id and data.
type events struct {
	t    *testing.T
	body *bufio.Scanner
}

func (w *world) follow(t *testing.T, id string, header map[string]string) *events {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+root+"tasks/"+id+"/logs/", nil)
	must(t, err)
	r.SetBasicAuth(admin, adminPassword)
	r.Header.Set("Accept", "text/event-stream")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
	must(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("answered %d, %v", answer.StatusCode, answer.Header)
	}
	return &events{t, bufio.NewScanner(answer.Body)}
}

// next gives the next event in one line, "" at the end.
func (e *events) next() (event string) {
	e.t.Helper()
	for e.body.Scan() {
		switch line := e.body.Text(); {
		case line == "" && event != "":
			return strings.TrimSuffix(event, " | ")
		case line != "" && !strings.HasPrefix(line, ":"):
			event += line + " | "
		}
	}
	must(e.t, e.body.Err())
	return ""
}

func (e *events) wants(some ...string) {
	e.t.Helper()
	for _, want := range some {
		if got := e.next(); !strings.Contains(got, want) {
			e.t.Fatalf("the next event is %q, want %q", got, want)
		}
	}
}

// TestATaskIsFollowed sees what another process writes while the task runs, takes the stream up again, and hears the end.
func TestATaskIsFollowed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		id := w.runningTask(t)
		w.say(t, id, "one")
		e := w.follow(t, id, nil)
		first, _, _ := strings.Cut(strings.TrimPrefix(e.next(), "id: "), " | event: log | data: ")
		e.wants(`event: state | data: {"state":"running"}`)
		w.say(t, id, "two")
		e.wants(`"message":"two"`)
		again := w.follow(t, id, map[string]string{"Last-Event-ID": first})
		again.wants(`"message":"two"`, `event: state`)
		w.change(t, "UPDATE core_tasks SET state = 'completed', finished_at = pulp_created WHERE id = ?", id)
		for _, one := range []*events{e, again} {
			one.wants(`event: state | data: {"state":"completed"}`, `event: end | data: {"state":"completed","error":null}`)
			if more := one.next(); more != "" {
				t.Errorf("after the end comes %q", more)
			}
		}
	})
}

// runningTask writes the row of a task that a worker of this world seems to run.
func (w *world) runningTask(t *testing.T) string {
	t.Helper()
	var worker string
	must(t, w.db.Read(t.Context()).Table("core_app_statuses").Where("app_type = 'worker'").Limit(1).Pluck("name", &worker).Error)
	now := model.Now()
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.followed", State: task.Running, Args: []byte("{}"), Worker: &worker, StartedAt: &now, UnblockedAt: &now, PulpCreated: now, PulpLastUpdated: now}
	must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(row).Error }))
	return row.ID
}

func (w *world) say(t *testing.T, id, message string) {
	t.Helper()
	must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error { return task.NoteLater(tx, id, "INFO", message) }))
}

func (w *world) change(t *testing.T, sql string, args ...any) {
	t.Helper()
	must(t, w.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec(sql, args...).Error }))
}
