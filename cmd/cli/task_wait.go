package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// lookEvery is the time between two looks at the rows of tasks that are watched.
const lookEvery = 300 * time.Millisecond

func (c *commands) taskWait() *cobra.Command {
	return &cobra.Command{
		Use:   "wait ID…",
		Short: "Wait until tasks have ended, and show how far they are",
		Long: `Shows a bar for each task on a terminal, and lines where there is none. The exit code is 0 when all have completed, and 1
when one has failed or was canceled. Ctrl-C ends the waiting, not the tasks.`,
		Example: `  packhouse task wait 019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e`,
		Args:    words(1, 100, "ID…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDatabase(cmd.Context(), func(_ *loaded, d *db.DB) error {
				w := &watch{c: c, read: d.Read(cmd.Context()), told: map[string]string{}}
				for _, named := range args {
					row, err := findTask(w.read, named)
					if err != nil {
						return err
					}
					w.ids = append(w.ids, row.ID)
				}
				return w.untilEnd(cmd.Context())
			})
		},
	}
}

// watch follows some tasks to their end.
type watch struct {
	c    *commands
	read *gorm.DB
	ids  []string
	// drawn is how many lines of bars are on the terminal, told what was said last of each task elsewhere.
	drawn int
	told  map[string]string
}

// untilEnd looks again and again, until all tasks have ended or somebody wants to stop.
func (w *watch) untilEnd(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		rows, open, err := w.look()
		if ctx.Err() != nil {
			return stoppedWaiting(w.ids)
		}
		if err != nil {
			return err
		}
		if open == 0 {
			return verdictOf(rows)
		}
		select {
		case <-ctx.Done():
			return stoppedWaiting(w.ids)
		case <-tick.C:
		}
	}
}

func stoppedWaiting(ids []string) error {
	text := "stopped waiting; the task goes on, packhouse task cancel " + ids[0] + " ends it"
	if len(ids) > 1 {
		text = "stopped waiting; the tasks go on, packhouse task cancel ends them"
	}
	return exit{exitFailed, text}
}

// look reads the tasks and shows them; open is how many have not ended.
func (w *watch) look() (rows []task.Row, open int, err error) {
	if err := w.read.Raw("SELECT "+taskColumns+" FROM core_tasks WHERE id IN ?", w.ids).Scan(&rows).Error; err != nil {
		return nil, 0, err
	}
	reports, err := reportsOf(w.read, w.ids)
	if err != nil {
		return nil, 0, err
	}
	byID := map[string]*task.Row{}
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
		if !rows[i].Final() {
			open++
		}
	}
	var lines []string
	for _, id := range w.ids {
		row := byID[id]
		if row == nil {
			return nil, 0, errs.New(errs.NotFound, "the task %s is not there any more, it was purged", id)
		}
		report := task.Telling(reports[id])
		if w.c.Terminal {
			lines = append(lines, bar(row, report))
		} else if err := w.tell(row, report); err != nil {
			return nil, 0, err
		}
	}
	return rows, open, w.draw(lines)
}

// tell says when something has changed but numbers.
func (w *watch) tell(row *task.Row, report *task.ProgressReport) error {
	now := string(row.State)
	if report != nil {
		now += " " + report.Message
	}
	if w.told[row.ID] == now {
		return nil
	}
	w.told[row.ID] = now
	line := fmt.Sprintf("%s %s %s", row.ID, row.State, report.Words())
	return w.c.print("%s\n", printable(strings.TrimSpace(line)))
}

// draw writes the bars over those of the last time.
func (w *watch) draw(lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	var text strings.Builder
	if w.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA", w.drawn)
	}
	for _, line := range lines {
		text.WriteString("\r\x1b[2K" + line + "\n")
	}
	w.drawn = len(lines)
	return w.c.print("%s", text.String())
}

// barWidth is that of a bar in characters, lineWidth that of a whole line: one that is broken could not be drawn over.
const (
	barWidth  = 20
	lineWidth = 79
)

// bar is one line about a task: a bar where it is known how much there is to do.
func bar(row *task.Row, report *task.ProgressReport) string {
	line := row.ID[:8] + "…" + row.ID[len(row.ID)-4:] + " "
	if report != nil && report.Total != nil && *report.Total > 0 && !row.Final() {
		full := int(min(barWidth, max(0, report.Done*barWidth / *report.Total)))
		line += "[" + strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + "] "
	}
	line += strings.TrimSpace(string(row.State) + " " + took(row) + " " + report.Words())
	runes := []rune(printable(line))
	return string(runes[:min(len(runes), lineWidth)])
}

// verdictOf is nil when all tasks have completed; otherwise it tells those that have not.
func verdictOf(rows []task.Row) error {
	var bad []string
	for i := range rows {
		if r := &rows[i]; r.State != task.Completed {
			text := "the task " + r.ID + " is " + string(r.State)
			if reason := task.ErrorText(r); reason != "" {
				text += ": " + printable(reason)
			}
			bad = append(bad, text)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return exit{exitFailed, strings.Join(bad, "\npackhouse: ")}
}
