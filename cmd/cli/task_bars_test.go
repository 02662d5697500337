package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// someTask is a running task with a report of half of what there is to do.
func someTask(message string) (*task.Row, *task.ProgressReport) {
	soon := model.Now().Add(time.Hour) // as long as it is to come, the task has run for 0 s
	return &task.Row{ID: ident.New(), State: task.Running, StartedAt: &soon},
		&task.ProgressReport{Message: message, State: task.Running, Done: 50, Total: new(int64(100))}
}

// TestBarsFitTheTerminal: no line is ever wider than it, and the bar gets short before words are left out.
func TestBarsFitTheTerminal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		row, report := someTask(rapid.String().Draw(t, "message"))
		row.State = rapid.SampledFrom(task.States()).Draw(t, "state")
		columns := rapid.IntRange(-1, 200).Draw(t, "columns")
		line := bar(row, report, columns)
		if n := utf8.RuneCountInString(line); n > max(columns, 1) || strings.ContainsAny(line, "\n\r\x1b") {
			t.Fatalf("%d letters in %d columns: %q", n, columns, line)
		}
	})
	row, report := someTask("Downloading Artifacts")
	for columns, want := range map[int]string{
		119: "[██████████░░░░░░░░░░] running 0 s Downloading Artifacts: 50 of 100",
		75:  "[███████░░░░░░░] running 0 s Downloading Artifacts: 50 of 100",
		79:  "[█████████░░░░░░░░░] running 0 s Downloading Artifacts: 50 of 100",
		59:  "[██░░░] running 0 s Downloading Artifacts: 5…",
		39:  " running 0 s Downloading …",
	} {
		if line := bar(row, report, columns); !strings.HasSuffix(line, want) {
			t.Errorf("in %d columns it is %q, want %q", columns, line, want)
		}
	}
}

// TestOnlySomeTasksFit: those that run are shown, the others counted.
func TestOnlySomeTasksFit(t *testing.T) {
	t.Parallel()
	var rows []task.Row
	for _, s := range []task.State{task.Completed, task.Waiting, task.Failed, task.Running, task.Completed, task.Canceling} {
		rows = append(rows, task.Row{State: s})
	}
	states := func(lines int) (out string, rest string) {
		shown, rest := fitting(rows, lines)
		for _, r := range shown {
			out += string(r.State) + " "
		}
		return out, rest
	}
	if out, rest := states(6); out != "completed waiting failed running completed canceling " || rest != "" {
		t.Errorf("%s, %q", out, rest)
	}
	if out, rest := states(4); out != "running canceling waiting " || rest != "… and 2 completed, 1 failed" {
		t.Errorf("%s, %q", out, rest)
	}
	if out, rest := states(-3); out != "running " || rest != "… and 1 waiting, 2 completed, 1 failed, 1 canceling" {
		t.Errorf("%s, %q", out, rest)
	}
}

// TestBarsFollowTheSizeOfTheTerminal: what is drawn never has more lines than it, and after a change of the size nothing
// is drawn over.
func TestBarsFollowTheSizeOfTheTerminal(t *testing.T) {
	t.Parallel()
	b := sqliteBed(t)
	var rows []task.Row
	for n := range 9 {
		rows = append(rows, *b.task("a.a", string(rune('a'+n)), nowRunning))
	}
	var out bytes.Buffer
	columns, lines := 40, 6
	p := Process{Stdout: &out, Terminal: true, Size: func() (int, int) { return columns, lines }}
	w := &watch{c: &commands{Process: p}, read: b.db.Read(t.Context())}
	draw := func() string {
		out.Reset()
		if err := w.drawBars(rows); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if text := draw(); strings.Count(text, "\n") != 5 || !strings.Contains(text, "… and 5 running\n") || strings.Contains(text, "A\r") {
		t.Errorf("%q", text)
	}
	if text := draw(); !strings.Contains(text, "\x1b[5A\r") {
		t.Errorf("it is not drawn over: %q", text)
	}
	columns, lines = 100, 50
	if text := draw(); strings.Count(text, "\n") != 9 || strings.Contains(text, "A\r") {
		t.Errorf("%q", text)
	}
}

func TestParagraphsFitTheTerminal(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("some words ", 40)
	for _, c := range []struct {
		terminal       bool
		columns, width int
	}{{true, 40, 39}, {true, 200, 79}, {true, 0, 79}, {false, 40, 79}} {
		p := &commands{Process: Process{Terminal: c.terminal, Size: func() (int, int) { return c.columns, c.columns }}}
		widest := 0
		for line := range strings.Lines(wrapped(text, p.textWidth())) {
			widest = max(widest, len(strings.TrimSuffix(line, "\n")))
		}
		if widest > c.width || widest < c.width-5 {
			t.Errorf("%+v: %d", c, widest)
		}
	}
}
