package metric

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func newMetrics(t *testing.T) *Metrics {
	t.Helper()
	return New(Options{Version: "1.2.3", Mode: "serve", Kinds: []string{"a.sync", "a.publish"}, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
}

// read gives what a reader of the metrics gets, by line without the value.
func read(t *testing.T, m *Metrics) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("the metrics answered %d: %s", w.Code, w.Body)
	}
	out := map[string]string{}
	for line := range strings.Lines(w.Body.String()) {
		line = strings.TrimSpace(line)
		if at := strings.LastIndexByte(line, ' '); at > 0 && !strings.HasPrefix(line, "#") {
			out[line[:at]] = line[at+1:]
		}
	}
	return out
}

func check(t *testing.T, got map[string]string, want map[string]string) {
	t.Helper()
	for series, value := range want {
		if got[series] != value {
			t.Errorf("%s is %q, want %q", series, got[series], value)
		}
	}
}

func TestWhatIsCounted(t *testing.T) {
	t.Parallel()
	m := newMetrics(t)
	for range 4 {
		m.Requests.Began()
	}
	m.Requests.Ended("POST", "/a/:id/", 202, 30*time.Millisecond)
	m.Requests.Ended("GET", "/a/", 499, 0)
	m.Requests.Ended("GET", "/a/", 503, 0)
	m.Content.Served("stored", 100, time.Second)
	m.Content.Served("stored", 11, time.Millisecond)
	m.Content.Answered("memory")
	m.Content.Served("none", -1, 0)
	m.Tasks.Places(8)
	m.Tasks.Dispatched("a.sync")
	m.Tasks.Began("a.sync", 3*time.Second, 10*time.Millisecond)
	m.Tasks.Began("a.publish", -1, -1)
	m.Tasks.Left("a.sync", 2*time.Minute)
	m.Tasks.Ended("a.sync", "completed")
	m.Tasks.Swept("buried", 3)
	m.Tasks.Swept("unblocked", 0)
	m.Tasks.Woken("redis")
	m.Spans.Count("lost", 5)
	check(t, read(t, m), map[string]string{
		`packhouse_info{mode="serve",version="1.2.3"}`:                                  "1",
		`packhouse_http_requests_in_flight`:                                             "1",
		`packhouse_http_failures_total`:                                                 "1",
		`packhouse_http_requests_total{method="POST",route="/a/:id/",status="2xx"}`:     "1",
		`packhouse_http_request_seconds_bucket{method="POST",route="/a/:id/",le="0.1"}`: "1",
		`packhouse_content_lookups_total{from="memory"}`:                                "1",
		`packhouse_content_requests_total{how="stored"}`:                                "2",
		`packhouse_content_bytes_total{how="stored"}`:                                   "111",
		`packhouse_content_bytes_total{how="none"}`:                                     "0",
		`packhouse_content_seconds_bucket{how="stored",le="0.1"}`:                       "1",
		`packhouse_content_seconds_count{how="stored"}`:                                 "2",
		`packhouse_worker_places`:                                                       "8",
		`packhouse_tasks_running`:                                                       "1",
		`packhouse_tasks_dispatched_total{kind="a.sync"}`:                               "1",
		`packhouse_tasks_dispatched_total{kind="a.publish"}`:                            "0",
		`packhouse_tasks_finished_total{kind="a.sync",state="completed"}`:               "1",
		`packhouse_tasks_lock_wait_seconds_sum{kind="a.sync"}`:                          "3",
		`packhouse_tasks_lock_wait_seconds_count{kind="a.publish"}`:                     "",
		`packhouse_tasks_queue_seconds_bucket{kind="a.sync",le="0.02"}`:                 "1",
		`packhouse_tasks_run_seconds_sum{kind="a.sync"}`:                                "120",
		`packhouse_tasks_sweeper_actions_total{action="buried"}`:                        "3",
		`packhouse_tasks_wakeups_total{by="redis"}`:                                     "1",
		`packhouse_trace_spans_total{what="lost"}`:                                      "5",
	})
}

// TestAlarmsSeeTheFirst: a counter that is born at 1 has not risen, so that no alarm would see what it counts first.
func TestAlarmsSeeTheFirst(t *testing.T) {
	t.Parallel()
	want := map[string]string{`packhouse_http_failures_total`: "0", `packhouse_tasks_dispatched_total{kind="a.sync"}`: "0"}
	said := regexp.MustCompile(`\.Swept\("([^"]+)"`)
	files, err := filepath.Glob("../../../tasks/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range said.FindAllSubmatch(source, -1) {
			want[fmt.Sprintf(`packhouse_tasks_sweeper_actions_total{action="%s"}`, word[1])] = "0"
		}
	}
	if len(want) != 2+len(sweeperActions()) {
		t.Errorf("package tasks sweeps %v, shown are %v", want, sweeperActions())
	}
	check(t, read(t, newMetrics(t)), want)
}

// TestTheRuntimeIsTold looks for the families that dashboards for Go have.
func TestTheRuntimeIsTold(t *testing.T) {
	t.Parallel()
	got := read(t, newMetrics(t))
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"} {
		if got[name] == "" {
			t.Errorf("%s is not told", name)
		}
	}
}

// TestSeriesHaveABound sends what no list knows.
func TestSeriesHaveABound(t *testing.T) {
	t.Parallel()
	m := newMetrics(t)
	before := len(read(t, m))
	for i := range 1000 {
		m.Requests.Began()
		m.Requests.Ended(fmt.Sprint("M", i), "/", i, time.Millisecond)
		m.Tasks.Dispatched(fmt.Sprint("kind ", i))
		m.Tasks.Ended(fmt.Sprint("kind ", i), "completed")
		m.Tasks.Began(fmt.Sprint("kind ", i), 1, 1)
		m.Tasks.Left(fmt.Sprint("kind ", i), 1)
	}
	if more := len(read(t, m)) - before; more > 80 {
		t.Errorf("there are %d more series", more)
	}
}

func TestSourcesAreAskedNowAndThen(t *testing.T) {
	t.Parallel()
	m := newMetrics(t)
	var asked atomic.Int64
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m.Ask(Sources{
		Backlog: func(context.Context) (Backlog, error) {
			return Backlog{Resources: 100 + asked.Add(1), Cap: 5, Worker: 7, Oldest: 90 * time.Second}, nil
		},
		Database: func(context.Context) error { return nil },
		Redis:    func(context.Context) error { return errors.New("away") },
		Pools:    func() map[string]Pool { return map[string]Pool{"all": {Used: 3, Idle: 2, Max: 9, Waited: time.Second}} },
		Now:      func() time.Time { return now },
	})
	first := map[string]string{
		`packhouse_tasks_waiting{why="resources"}`: "101", `packhouse_tasks_waiting{why="cap"}`: "5", `packhouse_tasks_waiting{why="worker"}`: "7",
		`packhouse_tasks_ready_age_seconds`: "90", `packhouse_up{server="database"}`: "1", `packhouse_up{server="redis"}`: "0",
		`packhouse_database_connections{pool="all",state="used"}`: "3", `packhouse_database_wait_seconds_total{pool="all"}`: "1",
	}
	check(t, read(t, m), first)
	now = now.Add(keptFor - 1)
	check(t, read(t, m), first)
	now = now.Add(1)
	check(t, read(t, m), map[string]string{`packhouse_tasks_waiting{why="resources"}`: "102"})
	now = now.Add(-time.Hour) // the clock was set back
	check(t, read(t, m), map[string]string{`packhouse_tasks_waiting{why="resources"}`: "103"})
}

// TestSlowSourcesAreAskedLess: what took a second is good for a hundred.
func TestSlowSourcesAreAskedLess(t *testing.T) {
	t.Parallel()
	m := newMetrics(t)
	var asked int64
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m.Ask(Sources{
		Backlog: func(context.Context) (Backlog, error) {
			now = now.Add(time.Second)
			asked++
			return Backlog{Worker: asked}, nil
		},
		Now: func() time.Time { return now },
	})
	for _, c := range []struct {
		later time.Duration
		want  string
	}{{0, "1"}, {98 * time.Second, "1"}, {time.Second, "2"}} {
		now = now.Add(c.later)
		check(t, read(t, m), map[string]string{`packhouse_tasks_waiting{why="worker"}`: c.want})
	}
}

// TestAGapWhereTheDatabaseIsAway: the rest is told all the same.
func TestAGapWhereTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	m := newMetrics(t)
	away := errors.New("the database does not answer")
	m.Ask(Sources{
		Backlog:  func(context.Context) (Backlog, error) { return Backlog{}, away },
		Database: func(context.Context) error { return away },
	})
	got := read(t, m)
	check(t, got, map[string]string{`packhouse_up{server="database"}`: "0", `packhouse_tasks_waiting{why="worker"}`: "", `packhouse_up{server="redis"}`: ""})
	if got["go_goroutines"] == "" {
		t.Error("the rest is not told")
	}
}

// TestASourceThatHangsIsGivenUp: its context ends although nobody ends it.
func TestASourceThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	m := newMetrics(t)
	m.Ask(Sources{Redis: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	check(t, read(t, m), map[string]string{`packhouse_up{server="redis"}`: "0"})
}
