package trace

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/obs"
	"github.com/packhouse/packhouse/core/testkit"
)

// from is what a client sends: it asks for its trace to be recorded.
const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	from        = "00-" + clientTrace + "-00f067aa0ba902b7-01"
)

func open(t *testing.T, o Options) *Tracer {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	tracer, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, tracer) })
	return tracer
}

// closed sends everything.
func closed(t *testing.T, tracer *Tracer) {
	t.Helper()
	if err := tracer.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestOneTraceFromRequestToTask(t *testing.T) {
	t.Parallel()
	c := testkit.NewCollector(t)
	api := open(t, Options{Endpoint: c.URL + "/", Sampling: 1, Version: "1.2.3", Mode: "api"})
	worker := open(t, Options{Endpoint: c.URL, Sampling: 0, Mode: "worker"}) // it goes on with what the API has decided
	ctx, answered := api.Request(t.Context(), "POST", from)
	row := Parent(ctx)
	if ID(ctx) != clientTrace || obs.TraceID(row) != clientTrace {
		t.Errorf("the request is in the trace %q, the row says %q", ID(ctx), row)
	}
	ctx, ended := worker.Work(t.Context(), Work{ID: "t1", Kind: "a.sync", Parent: row, Locked: time.Second, Queued: 500 * time.Millisecond})
	_, done := Stage(ctx, "download")
	done(Outcome{Busy: 1500 * time.Millisecond, Counts: map[string]int64{"files": 3}})
	ended("failed", true)
	answered("/a/:id/", 202)
	closed(t, api)
	closed(t, worker)
	want := map[string]map[string]string{
		"POST /a/:id/": {"http.request.method": "POST", "http.route": "/a/:id/", "http.response.status_code": "int_value:202"},
		"task a.sync":  {"packhouse.task.id": "t1", "packhouse.task.kind": "a.sync", "packhouse.task.state": "failed", "packhouse.task.queue_seconds": "double_value:0.5", "packhouse.task.lock_wait_seconds": "double_value:1"},
		"download":     {"packhouse.stage.busy_seconds": "double_value:1.5", "packhouse.stage.files": "int_value:3"},
	}
	parent := "00f067aa0ba902b7"
	for _, name := range []string{"POST /a/:id/", "task a.sync", "download"} {
		spans := c.Named(name)
		if len(spans) != 1 || spans[0].Trace != clientTrace || spans[0].Parent != parent {
			t.Fatalf("%s: %+v", name, spans)
		}
		for key, value := range want[name] {
			if got := spans[0].Attributes[key]; got != value {
				t.Errorf("%s: %s is %q, want %q", name, key, got, value)
			}
		}
		if len(spans[0].Attributes) != len(want[name]) {
			t.Errorf("%s says more: %v", name, spans[0].Attributes)
		}
		parent = spans[0].ID
	}
	if s := c.Named("POST /a/:id/")[0].Service; s["service.name"] != "packhouse" || s["service.version"] != "1.2.3" || s["packhouse.mode"] != "api" {
		t.Errorf("the service is %v", s)
	}
}

// TestAClientDoesNotDecideWhatIsRecorded: the part of all requests does, the flag of the client does not.
func TestAClientDoesNotDecideWhatIsRecorded(t *testing.T) {
	t.Parallel()
	c := testkit.NewCollector(t)
	none, all := open(t, Options{Endpoint: c.URL, Sampling: 0}), open(t, Options{Endpoint: c.URL, Sampling: 1})
	ctx, answered := none.Request(t.Context(), "GET", from)
	row := Parent(ctx)
	answered("/unwanted/", 200)
	_, ended := all.Work(t.Context(), Work{Kind: "unwanted", Parent: row})
	ended("completed", false)
	_, answered = all.Request(t.Context(), "GET", strings.TrimSuffix(from, "1")+"0")
	answered("/wanted/", 200)
	closed(t, none)
	closed(t, all)
	if len(c.Spans()) != 1 || len(c.Named("GET /wanted/")) != 1 {
		t.Errorf("recorded: %v", c.Spans())
	}
}

func TestWithoutATracer(t *testing.T) {
	t.Parallel()
	var none *Tracer
	ctx, answered := none.Request(t.Context(), "GET", from)
	ctx, ended := none.Work(ctx, Work{Parent: from})
	_, done := Stage(ctx, "download")
	done(Outcome{Failed: true})
	ended("completed", false)
	answered("/", 200)
	if ID(ctx) != "" || Parent(ctx) != "" {
		t.Errorf("there is a trace: %q", Parent(ctx))
	}
	closed(t, none)
}

// TestLostSpansAreCountedAndTold: nobody who works notices, the operator does, once.
func TestLostSpansAreCountedAndTold(t *testing.T) {
	t.Parallel()
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	t.Cleanup(collector.Close)
	var said bytes.Buffer
	var mu sync.Mutex
	counted := map[string]int{}
	count := func(what string, n int) { mu.Lock(); counted[what] += n; mu.Unlock() }
	tracer := open(t, Options{Endpoint: collector.URL, Sampling: 1, Log: slog.New(slog.NewTextHandler(&said, nil)), Count: count})
	for range 600 { // more than are sent at a time
		_, answered := tracer.Request(t.Context(), "GET", "")
		answered("/", 200)
	}
	closed(t, tracer)
	if counted["ended"] != 600 || counted["lost"] != 600 || counted["sent"] != 0 {
		t.Errorf("counted: %v", counted)
	}
	if n := strings.Count(said.String(), "traces were lost"); n != 1 {
		t.Errorf("it was told %d times: %s", n, &said)
	}
}

func TestRecordsSayTheirTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := Logged(slog.New(slog.NewTextHandler(&out, nil)))
	tracer := open(t, Options{Endpoint: "http://127.0.0.1:1", Sampling: 0})
	ctx, answered := tracer.Request(t.Context(), "GET", from)
	defer answered("/", 200)
	for _, c := range []struct {
		write func()
		times int
	}{
		{func() { log.InfoContext(ctx, "a") }, 1},
		{func() { log.With("b", 1).WithGroup("g").InfoContext(ctx, "a") }, 1},
		{func() { log.With("trace_id", clientTrace).InfoContext(ctx, "a") }, 1},
		{func() { log.InfoContext(ctx, "a", "trace_id", clientTrace) }, 1},
		{func() { log.InfoContext(t.Context(), "a") }, 0},
		{func() { log.Info("a") }, 0},
	} {
		out.Reset()
		c.write()
		if strings.Count(out.String(), "trace_id="+clientTrace) != c.times {
			t.Errorf("%d times is wanted: %s", c.times, &out)
		}
	}
}

// FuzzTraceparent sends what clients may send.
func FuzzTraceparent(f *testing.F) {
	for _, text := range []string{from, "", "00-0-0-0", "ff-" + from[3:], "cc-" + from[3:] + "-more", strings.ToUpper(from)} {
		f.Add(text)
	}
	tracer, err := Open(f.Context(), Options{Endpoint: "http://127.0.0.1:1", Sampling: 0, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ctx, answered := tracer.Request(t.Context(), "GET", text)
		defer answered("/", 200)
		row := Parent(ctx)
		if id := obs.TraceID(row); id == "" || id != ID(ctx) || id == strings.Repeat("0", 32) {
			t.Errorf("%q gives the trace %q", text, row)
		}
	})
}
