package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// linesAtOnce is how many lines are read at a time.
const linesAtOnce = 1000

func (c *commands) taskLogs() *cobra.Command {
	follow, level := false, ""
	cmd := &cobra.Command{
		Use:   "logs ID",
		Short: "Print what a task said",
		Example: `  packhouse task logs 019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e --level warn
  packhouse task logs 019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e --follow`,
		Args: words(1, 1, "ID [--follow] [--level LEVEL]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			levels, err := task.LogLevelsFrom(level)
			if err != nil {
				return misused("--level: %w", err)
			}
			return c.withTask(cmd.Context(), args[0], func(_ *loaded, d *db.DB, row *task.Row) error {
				out := &logOutput{c: c, db: d, id: row.ID, levels: levels}
				if follow {
					return out.follow(cmd.Context())
				}
				return out.print(cmd.Context())
			})
		},
	}
	cmd.Flags().BoolVar(&follow, "follow", false, "go on until the task has ended; Ctrl-C leaves it alone")
	cmd.Flags().StringVar(&level, "level", "", "only lines of this `LEVEL` and above: debug, info, warn or error")
	return cmd
}

// logOutput prints the log of one task; after is the last line that was printed.
type logOutput struct {
	c      *commands
	db     *db.DB
	id     string
	levels []string
	after  int64
}

// print prints the lines that have come since the last time.
func (o *logOutput) print(ctx context.Context) error {
	for {
		var lines []task.LogLine
		err := o.db.Read(ctx).Where("task_id = ? AND level IN ? AND id > ?", o.id, o.levels, o.after).Order("id").Limit(linesAtOnce).Find(&lines).Error
		if err != nil {
			return err
		}
		for i := range lines {
			if err := o.c.print("%s\n", lines[i].Text()); err != nil {
				return err
			}
			o.after = lines[i].ID
		}
		if len(lines) < linesAtOnce {
			return nil
		}
	}
}

// follow prints until the task has ended; its last lines are there before its end can be seen.
func (o *logOutput) follow(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	lost := outage{c: o.c}
	for {
		var states []task.State
		err := o.db.Read(ctx).Raw("SELECT state FROM core_tasks WHERE id = ?", o.id).Scan(&states).Error
		if err == nil {
			err = o.print(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return stoppedWaiting([]string{o.id})
		case lost.keeps(err):
		case err != nil || len(states) == 0 || states[0].Final():
			return err
		}
		select {
		case <-ctx.Done():
			return stoppedWaiting([]string{o.id})
		case <-tick.C:
		}
	}
}
