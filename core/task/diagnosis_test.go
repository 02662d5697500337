package task_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
)

func TestAskedDiagnostics(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"": "[]", "memory": "[memory_profile]", "task_logs,memory_profile,memory": "[memory_profile task_logs]", "nothing known, Debug-Logs ,": "[task_logs]",
		"pyinstrument,memray,cpu_profile": "[cpu_profile heap_profile]",
	} {
		if got := fmt.Sprint(task.AskedDiagnostics(strings.Split(words, ","), task.Diagnostics())); got != want {
			t.Errorf("%q asks for %s, want %s", words, got, want)
		}
	}
	if got := task.AskedDiagnostics(task.Diagnostics(), []string{"memory"}); fmt.Sprint(got) != "[memory_profile]" {
		t.Errorf("of all %v are allowed", got)
	}
	if got := task.AskedDiagnostics(task.Diagnostics(), nil); len(got) > 0 {
		t.Errorf("%v are allowed", got)
	}
}

// records runs a task with diagnostics and gives what was kept.
func records(t *testing.T, l *logged, fault error) map[string]string {
	t.Helper()
	kept := map[string]string{}
	recording := l.Record(t.Context(), func(_ context.Context, _ *task.Row, name string, content io.Reader) error {
		text, err := io.ReadAll(content)
		kept[name] = string(text)
		return errors.Join(err, fault)
	})
	l.Log().Debug("in between", "n", 1)
	recording.Finish(t.Context())
	recording.Finish(t.Context())
	return kept
}

func asking(names ...string) func(*task.Setup) {
	return func(s *task.Setup) { s.Row.Diagnostics = task.DiagnosticsJSON(names) }
}

// TestDiagnostics is not parallel: only one CPU profile of a process is taken at a time.
func TestDiagnostics(t *testing.T) { //nolint:paralleltest // see above
	l := newLogged(t, testkit.SQLite(t), asking(task.Diagnostics()...))
	kept := records(t, l, nil)
	if len(kept) != 4 {
		t.Errorf("kept are %d things", len(kept))
	}
	if lines := strings.Split(kept[task.MemoryProfile], "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "#") || !strings.Contains(lines[1], "0.0\t") {
		t.Errorf("the memory profile is %q", lines)
	}
	for _, name := range []string{task.CPUProfile, task.HeapProfile} {
		if !bytes.HasPrefix([]byte(kept[name]), []byte{0x1f, 0x8b}) { // pprof is compressed by gzip
			t.Errorf("%s is no profile: %.20q", name, kept[name])
		}
	}
	if text := kept[task.TaskLogs]; !strings.Contains(text, "INFO  The task began.") || !strings.Contains(text, "DEBUG in between n=1\n") {
		t.Errorf("the log is %q", text)
	}
	must(t, l.Close(t.Context()))
	if lines := texts(l.saved()); len(lines) != 2 || lines[1] != "DEBUG in between n=1" {
		t.Errorf("saved are %q", lines)
	}
}

func TestOneCPUProfileAtATime(t *testing.T) { //nolint:paralleltest // see TestDiagnostics
	first, second := newLogged(t, testkit.SQLite(t), asking(task.CPUProfile)), newLogged(t, testkit.SQLite(t), asking(task.CPUProfile))
	got := map[string]int{}
	keep := func(_ context.Context, row *task.Row, _ string, _ io.Reader) error { got[row.ID]++; return nil }
	a, b := first.Record(t.Context(), keep), second.Record(t.Context(), keep)
	b.Finish(t.Context())
	a.Finish(t.Context())
	if got[first.ID] != 1 || got[second.ID] != 0 {
		t.Errorf("profiles were kept of %v", got)
	}
	must(t, second.Close(t.Context()))
	if lines := texts(second.saved()); len(lines) != 2 || !strings.Contains(lines[1], "is not recorded") || !strings.Contains(lines[1], "another profile") {
		t.Errorf("the second task says %q", lines)
	}
}

func TestARecordingThatCannotBeKeptDisturbsNobody(t *testing.T) {
	t.Parallel()
	l := newLogged(t, testkit.SQLite(t), asking(task.MemoryProfile))
	records(t, l, errors.New("no room"))
	must(t, l.Close(t.Context()))
	if lines := texts(l.saved()); len(lines) != 2 || !strings.Contains(lines[1], `could not be kept. error="[PLP0000]`) {
		t.Errorf("the task says %q", lines)
	}
}

func TestNothingIsRecordedUnasked(t *testing.T) {
	t.Parallel()
	if kept := records(t, newLogged(t, testkit.SQLite(t), nil), nil); len(kept) > 0 {
		t.Errorf("recorded are %v", kept)
	}
	l := newLogged(t, testkit.SQLite(t), asking(task.Diagnostics()...))
	l.Record(t.Context(), nil).Finish(t.Context())
}
