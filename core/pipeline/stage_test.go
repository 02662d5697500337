package pipeline_test

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/obs/trace"
	"github.com/packhouse/packhouse/core/pipeline"
	"github.com/packhouse/packhouse/core/testkit"
)

// spansOf runs syncs within the span of a task and gives what the collector has then: the span of the task, and those of
// stages by name. Any other span is an error.
func spansOf(t *testing.T, syncs func(ctx context.Context)) (of testkit.Span, stages map[string][]testkit.Span) {
	t.Helper()
	c := testkit.NewCollector(t)
	tracer, err := trace.Open(t.Context(), trace.Options{Endpoint: c.URL, Sampling: 1, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	ctx, ended := tracer.Work(t.Context(), trace.Work{Kind: "test.sync"})
	syncs(ctx)
	ended("completed", false)
	must(t, tracer.Close(t.Context()))
	stages = map[string][]testkit.Span{}
	for _, s := range c.Spans() {
		switch stage, is := strings.CutPrefix(s.Name, "sync "); {
		case is:
			stages[stage] = append(stages[stage], s)
		case s.Name == "task test.sync":
			of = s
		default:
			t.Errorf("there is a span %s", s.Name)
		}
	}
	return of, stages
}

// TestStagesAreTraced: one span for each stage, below the task's, however many batches there are.
func TestStagesAreTraced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite://"+t.TempDir()+"/test.db")
	repo, from := w.repository(), w.remote(model.Immediate)
	member := w.put("a", "of old")
	_, err := w.sync(job{repo: repo, remote: from, units: []pipeline.Unit{member}})
	must(t, err)
	task, stages := spansOf(t, func(ctx context.Context) {
		_, err := pipeline.Run(ctx, pipeline.Options{Run: w.run(), Store: w.store, Versions: w.Committer, Remotes: w.remotes, Remote: from, Kind: kind,
			RepositoryID: repo, KindPath: "repositories/test/test"}, func(_ context.Context, emit func(pipeline.Unit) error) error {
			for _, u := range []pipeline.Unit{member, w.put("b", "new"), w.put("c", "newer")} {
				must(t, emit(u))
			}
			for range 1000 { // more than a batch
				must(t, emit(member))
			}
			return nil
		})
		must(t, err)
	})
	want := map[string]map[string]string{
		"read": {"units": "1003"}, "look-up": {"units": "1003", "settled": "1001"}, "download": {"files": "2", "bytes": "8"},
		"store": {"units": "2"}, "commit": {"added": "2", "removed": "0"},
	}
	for name, counts := range want {
		if len(stages[name]) != 1 || stages[name][0].Parent != task.ID {
			t.Fatalf("%s has the spans %+v, not one below %s", name, stages[name], task.ID)
		}
		got := maps.Clone(stages[name][0].Attributes)
		busy := got["packhouse.stage.busy_seconds"]
		delete(got, "packhouse.stage.busy_seconds")
		if waits := name == "read" || name == "commit"; waits != (busy == "") {
			t.Errorf("%s was busy for %q", name, busy)
		}
		for word, n := range counts {
			if told := got["packhouse.stage."+word]; told != "int_value:"+n {
				t.Errorf("%s tells %q as %s, want %s", name, told, word, n)
			}
		}
		if len(got) != len(counts) {
			t.Errorf("%s tells %v", name, got)
		}
	}
	if len(stages) != len(want) {
		t.Errorf("there are the stages %v", stages)
	}
}

// TestOnlyTheStageThatFailsIsMarked: that the others end with it is no failure of theirs.
func TestOnlyTheStageThatFailsIsMarked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite://"+t.TempDir()+"/test.db")
	const marked = "status:{code:STATUS_CODE_ERROR}"
	for name, c := range map[string]struct {
		units []pipeline.Unit
		cause bool
		fails string
	}{
		"download": {units: []pipeline.Unit{{Row: &row{path: "x"}, Files: []pipeline.File{{RelativePath: "x", URL: w.up.URL + "/x"}}}}, fails: "none"},
		"read":     {cause: true, fails: "read"},
	} {
		_, stages := spansOf(t, func(ctx context.Context) {
			repo, from := w.repository(), w.remote(model.Immediate)
			_, err := pipeline.Run(ctx, pipeline.Options{Run: w.run(), Store: w.store, Versions: w.Committer, Remotes: w.remotes, Remote: from, Kind: kind,
				RepositoryID: repo, KindPath: "repositories/test/test"}, func(_ context.Context, emit func(pipeline.Unit) error) error {
				for _, u := range c.units {
					must(t, emit(u))
				}
				if c.cause {
					return context.DeadlineExceeded
				}
				return nil
			})
			if err == nil {
				t.Errorf("%s does not fail", name)
			}
		})
		for stage, spans := range stages {
			text := strings.ReplaceAll(spans[0].Raw, " ", "")
			if strings.Contains(text, marked) != (stage == c.fails) {
				t.Errorf("%s fails: %s is %s", name, stage, text)
			}
		}
		if lost := stages["download"][0].Attributes["packhouse.stage.lost"]; c.units != nil && lost != "int_value:1" {
			t.Errorf("%q files are lost", lost)
		}
		if len(stages["commit"]) != 0 {
			t.Errorf("%s fails and the version is made", name)
		}
	}
}
