package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/packhouse/packhouse/core/task"
)

// bars are the lines that are on the terminal, to be drawn over: how many, and how large it was then.
type bars struct {
	drawn          int
	columns, lines int
}

// drawBars draws a line for each task, or for those that fit on the terminal.
func (w *watch) drawBars(rows []task.Row) error {
	columns, lines := w.c.size()
	if columns != w.columns || lines != w.lines {
		// Nobody knows how a terminal arranges what it has when it gets another size: begin below it.
		w.bars = bars{columns: columns, lines: lines}
	}
	shown, rest := fitting(rows, lines-1)
	var ids []string
	for _, r := range shown {
		ids = append(ids, r.ID)
	}
	reports, err := reportsOf(w.read, ids)
	if err != nil {
		return err
	}
	var text []string
	for _, r := range shown {
		text = append(text, bar(r, task.Telling(reports[r.ID]), columns-1))
	}
	if rest != "" {
		text = append(text, cut(rest, columns-1))
	}
	return w.draw(text)
}

// draw writes lines over those of the last time. It has the terminal cut what is wider than that after all, such as
// letters that take two columns: a line that is broken could not be drawn over.
func (w *watch) draw(lines []string) error {
	var text strings.Builder
	text.WriteString("\x1b[?7l")
	if w.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA", w.drawn)
	}
	for _, line := range lines {
		text.WriteString("\r\x1b[2K" + line + "\n")
	}
	text.WriteString("\x1b[J\x1b[?7h")
	w.drawn = len(lines)
	return w.c.print("%s", text.String())
}

// fitting picks the tasks for which there are lines, those that run first and those that have ended last; rest tells of the
// others.
func fitting(rows []task.Row, lines int) (shown []*task.Row, rest string) {
	for i := range rows {
		shown = append(shown, &rows[i])
	}
	if lines = max(lines, 2); len(shown) <= lines {
		return shown, ""
	}
	slices.SortStableFunc(shown, func(a, b *task.Row) int { return cmp.Compare(urgency(a.State), urgency(b.State)) })
	shown, others := shown[:lines-1], shown[lines-1:]
	number := map[task.State]int{}
	for _, r := range others {
		number[r.State]++
	}
	var parts []string
	for _, s := range task.States() {
		if n := number[s]; n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+string(s))
		}
	}
	return shown, "… and " + strings.Join(parts, ", ")
}

// urgency orders states by how much there is to see.
func urgency(s task.State) int {
	switch {
	case s == task.Running, s == task.Canceling:
		return 0
	case s.Final():
		return 2
	}
	return 1
}

// The width of a bar in characters at most and at least, and that of a terminal that is too narrow for any.
const (
	barWidth  = 20
	leastBar  = 5
	noRoomBar = 50
)

// bar is one line about a task: a bar where it is known how much there is to do. It gets short before words are left out.
func bar(row *task.Row, report *task.ProgressReport, columns int) string {
	name := row.ID[:8] + "…" + row.ID[len(row.ID)-4:] + " "
	text := printable(strings.TrimSpace(string(row.State) + " " + took(row) + " " + report.Words()))
	if report == nil || report.Total == nil || *report.Total < 1 || row.Final() || columns < noRoomBar {
		return cut(name+text, columns)
	}
	room := columns - len([]rune(name+text)) - len("[] ")
	width := int64(min(barWidth, max(leastBar, room)))
	full := min(width, max(0, report.Done*width / *report.Total))
	return cut(name+"["+strings.Repeat("█", int(full))+strings.Repeat("░", int(width-full))+"] "+text, columns)
}

// cut leaves out the end of what is longer than a line.
func cut(text string, columns int) string {
	runes := []rune(text)
	if columns = max(columns, 1); len(runes) <= columns {
		return text
	}
	return string(runes[:columns-1]) + "…"
}
