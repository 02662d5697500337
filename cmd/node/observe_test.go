package node

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
)

// metricsOf reads the metrics of a node as a collector does: without credentials.
func (r *running) metricsOf() (status int, text string) {
	r.t.Helper()
	return r.ask("GET", r.MetricsURL(), "", nil)
}

// ask sends a request without credentials to a whole address.
func (r *running) ask(method, url, body string, headers map[string]string) (status int, text string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(read)
}

// tells checks that the metrics hold series whose value is not 0.
func (r *running) tells(series ...string) {
	r.t.Helper()
	_, text := r.metricsOf()
	for _, s := range series {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(s) + ` ([1-9]|0\.)`).MatchString(text) {
			name, _, _ := strings.Cut(s, "{")
			r.t.Errorf("the metrics do not tell %s, only\n%s", s, strings.Join(regexp.MustCompile(`(?m)^`+name+`.*$`).FindAllString(text, 20), "\n"))
		}
	}
}

func TestMetricsOfServe(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, embeddedIn(t.TempDir())...)
	wholeWay(t, n, n)
	const kind = `{kind="pulpcore.app.tasks.base.general_create"`
	n.tells(
		`packhouse_info{mode="serve",version=""}`, `go_goroutines`, `process_resident_memory_bytes`,
		`packhouse_http_requests_total{method="POST",route="/pulp/api/v3/content/file/files/",status="2xx"}`,
		`packhouse_http_requests_total{method="GET",route="/pulp/content/*",status="2xx"}`,
		`packhouse_http_request_seconds_count{method="POST",route="/pulp/api/v3/content/file/files/"}`,
		`packhouse_http_requests_in_flight`,
		`packhouse_content_requests_total{how="stored"}`, `packhouse_content_bytes_total{how="stored"}`,
		`packhouse_tasks_dispatched_total`+kind+`}`, `packhouse_tasks_finished_total`+kind+`,state="completed"}`,
		`packhouse_tasks_run_seconds_count`+kind+`}`, `packhouse_tasks_queue_seconds_count`+kind+`}`, `packhouse_tasks_lock_wait_seconds_count`+kind+`}`,
		`packhouse_worker_places`, `packhouse_up{server="database"}`, `packhouse_database_connections_max{pool="read"}`,
	)
	if _, text := n.metricsOf(); !strings.Contains(text, "\npackhouse_tasks_running 0\n") || !strings.Contains(text, `packhouse_tasks_waiting{why="resources"} 0`) {
		t.Error("the metrics do not tell what runs and waits")
	}
}

// TestPathsAreNoLabels sends a thousand paths that nobody has seen before; the number of series stays.
func TestPathsAreNoLabels(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_ACCESS_LOG=false")...)
	routes := []string{"/%s", "/pulp/%s", "/pulp/api/v3/%s/", "/pulp/api/v3/tasks/%s/", "/pulp/content/%s", "/pulp/api/v3/tasks/?state=%s", "/metrics/%s"}
	everywhere := func() {
		for _, route := range routes {
			n.ask("GET", n.URL()+fmt.Sprintf(route, rand.Text()), "", nil)
		}
	}
	series := func() int {
		_, text := n.metricsOf()
		return strings.Count(text, "\n")
	}
	everywhere()
	before := series()
	for range 1000 / len(routes) {
		everywhere()
	}
	if more := series() - before; more > 20 { // what the runtime tells may grow by a line
		t.Errorf("there are %d more series", more)
	}
}

func TestMetricsOnAnAddressOfTheirOwn(t *testing.T) {
	t.Parallel()
	environ := split(t, t.TempDir())
	setUp(t, false, environ...)
	own := append(environ[:len(environ):len(environ)], "PACKHOUSE_METRICS_LISTEN=127.0.0.1:0")
	api, worker := start(t, API, own...), start(t, Worker, own...)
	content := start(t, Content, environ...)
	wholeWay(t, api, content)
	worker.tells(`packhouse_info{mode="worker",version=""}`, `packhouse_worker_places`, `packhouse_up{server="redis"}`, `packhouse_database_connections_max{pool="all"}`)
	api.tells(`packhouse_http_requests_total{method="POST",route="/pulp/api/v3/content/file/files/",status="2xx"}`)
	content.tells(`packhouse_content_requests_total{how="stored"}`)
	if status, answer := api.call("GET", "/metrics", nil); status != http.StatusNotFound {
		t.Errorf("the API tells its metrics at its own port too: %d %v", status, answer)
	}
	if strings.HasPrefix(api.MetricsURL(), api.URL()) || api.MetricsURL() == worker.MetricsURL() {
		t.Errorf("the addresses are %s and %s", api.MetricsURL(), worker.MetricsURL())
	}
	taken := strings.TrimSuffix(strings.TrimPrefix(api.MetricsURL(), "http://"), "/metrics")
	refused(t, options(t, Worker, append(environ, "PACKHOUSE_METRICS_LISTEN="+taken)...), errs.Invalid, taken, "metrics_listen")
}

func TestMetricsAreNotForEverybody(t *testing.T) {
	t.Parallel()
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_METRICS_ALLOW=192.0.2.0/24")...)
	if status, text := n.metricsOf(); status != http.StatusForbidden || !strings.Contains(text, "metrics_allow") {
		t.Errorf("the metrics answered %d: %s", status, text)
	}
}

// TestOneTraceThroughTheProcesses follows a request to the task that another process ran for it.
func TestOneTraceThroughTheProcesses(t *testing.T) {
	t.Parallel()
	c := testkit.NewCollector(t)
	environ := append(split(t, t.TempDir()), "PACKHOUSE_TELEMETRY__ENDPOINT="+c.URL, "PACKHOUSE_TASK_PREFER_DEFER=true")
	setUp(t, false, environ...)
	api, content := start(t, API, environ...), start(t, Content, environ...)
	worker := start(t, Worker, environ...)
	wholeWay(t, api, content)
	for _, n := range []*running{content, worker, api} {
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
	}
	uploads := c.Named("POST /pulp/api/v3/content/file/files/")
	if len(uploads) != 1 || uploads[0].Service["packhouse.mode"] != "api" {
		t.Fatalf("the upload: %+v", uploads)
	}
	works := slices.DeleteFunc(slices.Clone(c.Spans()), func(s testkit.Span) bool {
		return s.Trace != uploads[0].Trace || !strings.HasPrefix(s.Name, "task ") || s.Parent != uploads[0].ID
	})
	if len(works) != 1 || works[0].Service["packhouse.mode"] != "worker" || works[0].Attributes["packhouse.task.state"] != "completed" {
		t.Errorf("the task of the upload: %+v", works)
	}
	if len(c.Named("GET /pulp/content/*")) == 0 {
		t.Error("the download is not traced")
	}
}

// TestSpansHoldNothingOfARequest looks for a text that requests carry in every place.
func TestSpansHoldNothingOfARequest(t *testing.T) {
	t.Parallel()
	c := testkit.NewCollector(t)
	n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_TELEMETRY__ENDPOINT="+c.URL)...)
	canary := "canary" + strings.ToLower(rand.Text())
	headers := map[string]string{}
	for _, name := range []string{"Authorization", "Cookie", "User-Agent", "X-Forwarded-For", "Tracestate", "Traceparent", "Baggage", "Correlation-ID", "Referer"} {
		headers[name] = canary
	}
	for _, path := range []string{"/pulp/api/v3/tasks/?name=" + canary, "/pulp/api/v3/" + canary + "/", "/pulp/content/" + canary + "?x=" + canary, "/" + canary} {
		n.ask("GET", n.URL()+path, "", headers)
		n.ask("POST", n.URL()+path, canary, headers)
	}
	n.done("POST", "/pulp/api/v3/orphans/cleanup/", map[string]any{})
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	if len(c.Spans()) < 10 {
		t.Errorf("only %d spans came", len(c.Spans()))
	}
	for _, s := range c.Spans() {
		if strings.Contains(s.Raw, canary) || strings.Contains(s.Raw, adminPassword) || strings.Contains(s.Raw, "YWRtaW46") {
			t.Errorf("a span holds what came with a request: %s", s.Raw)
		}
	}
}

// TestACollectorThatIsAwayHoldsNothingUp: one refuses connections, one takes them and never answers.
func TestACollectorThatIsAwayHoldsNothingUp(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for _, endpoint := range []string{away, silent.Addr().String()} {
		n := start(t, Serve, append(embeddedIn(t.TempDir()), "PACKHOUSE_TELEMETRY__ENDPOINT=http://"+endpoint)...)
		wholeWay(t, n, n)
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	}
}
