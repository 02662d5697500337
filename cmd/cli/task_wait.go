package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// lookEvery is the time between two looks at the rows of tasks that are watched.
const lookEvery = 300 * time.Millisecond

func (c *commands) taskWait() *cobra.Command {
	ofGroup := ""
	cmd := &cobra.Command{
		Use:   "wait ID…",
		Short: "Wait until tasks have ended, and show how far they are",
		Long: `Shows a bar for each task on a terminal, and lines where there is none. The exit code is 0 when all have completed, and 1
when one has failed or was canceled. A group has ended when all its tasks have, and no more can come. Ctrl-C ends the waiting,
not the tasks; a database that does not answer is asked again until it does.`,
		Example: `  packhouse task wait 019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e
  packhouse task wait --group 019aa5e2-0a52-7d0b-93c5-7e3b8a1c9d20`,
		Args: words(0, 100, "ID… | --group ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == (ofGroup == "") {
				return misused("name the tasks, or one group with --group")
			}
			return c.withDatabase(cmd.Context(), func(_ *loaded, d *db.DB) error {
				w, err := c.watchOf(d.Read(cmd.Context()), args, ofGroup)
				if err != nil {
					return err
				}
				return w.untilEnd(cmd.Context())
			})
		},
	}
	cmd.Flags().StringVar(&ofGroup, "group", "", "wait for all tasks of the task group `ID`")
	return cmd
}

// untilEnd looks again and again, until all tasks have ended or somebody wants to stop.
func (w *watch) untilEnd(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		rows, open, err := w.look()
		switch {
		case ctx.Err() != nil:
			return w.stopped()
		case w.outage.keeps(err):
			w.drawn = 0 // the note stands below the bars
		case err != nil:
			return err
		case !open:
			return verdictOf(rows)
		}
		select {
		case <-ctx.Done():
			return w.stopped()
		case <-tick.C:
		}
	}
}

func (w *watch) stopped() error {
	if w.group != "" {
		return exit{exitFailed, "stopped waiting; the tasks go on, packhouse task cancel --group " + w.group + " ends them"}
	}
	return stoppedWaiting(w.ids)
}

func stoppedWaiting(ids []string) error {
	text := "stopped waiting; the task goes on, packhouse task cancel " + ids[0] + " ends it"
	if len(ids) > 1 {
		text = "stopped waiting; the tasks go on, packhouse task cancel ends them"
	}
	return exit{exitFailed, text}
}

// mostVerdicts is how many tasks that have not completed are named.
const mostVerdicts = 20

// verdictOf is nil when all tasks have completed; otherwise it tells those that have not.
func verdictOf(rows []task.Row) error {
	var bad []string
	for i := range rows {
		if r := &rows[i]; r.State != task.Completed {
			text := "the task " + r.ID + " " + stateWords(r.State)
			if reason := task.ErrorText(r); reason != "" {
				text += ": " + printable(reason)
			}
			bad = append(bad, text)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	if more := len(bad) - mostVerdicts; more > 0 {
		bad = append(bad[:mostVerdicts], "so it is with "+strconv.Itoa(more)+" more; see packhouse task list --state failed --state canceled")
	}
	return exit{exitFailed, strings.Join(bad, "\npackhouse: ")}
}
