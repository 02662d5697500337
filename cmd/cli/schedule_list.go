package cli

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// shownSchedule is a schedule as `schedule list` prints it.
type shownSchedule struct {
	Name         string     `json:"name"`
	Origin       string     `json:"origin"`
	Kind         string     `json:"task_name"`
	Cron         string     `json:"cron"`
	TimeZone     string     `json:"time_zone"`
	Seconds      float64    `json:"dispatch_interval_seconds"`
	NextDispatch *time.Time `json:"next_dispatch"`
	LastTask     *string    `json:"last_task"`
	Missed       int64      `json:"missed"`
	// State is "scheduled", "paused", "done" for one that was for once and has fired or, where no enabled app has the kind,
	// "unknown kind".
	State string `json:"state"`
}

func (c *commands) scheduleList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "list", Short: "Print all schedules, never their arguments", Example: "  packhouse schedule list\n  packhouse schedule list --format json",
		Args: words(0, 0, "[--format table|json]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			return c.withDatabase(cmd.Context(), func(l *loaded, d *db.DB) error {
				server, err := node.Reading(d, l.registry, l.Settings, l.log)
				if err != nil {
					return err
				}
				var rows []task.ScheduleRow
				if err := d.Read(cmd.Context()).Order("name").Find(&rows).Error; err != nil {
					return fmt.Errorf("read the schedules: %w", err)
				}
				all := make([]shownSchedule, 0, len(rows))
				for i := range rows {
					all = append(all, showSchedule(&rows[i], server.Env.Kinds))
				}
				if format == "json" {
					return c.printJSON(all)
				}
				return c.printSchedules(all)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORM` of the output: table or json")
	return cmd
}

func showSchedule(row *task.ScheduleRow, kinds map[string]task.Handler) shownSchedule {
	s := shownSchedule{Name: row.Name, Origin: row.Origin, Kind: row.TaskName, Cron: row.Cron, TimeZone: row.TimeZone,
		NextDispatch: row.NextDispatch, LastTask: row.LastTaskID, Missed: row.Missed, State: "scheduled"}
	if row.DispatchInterval != nil {
		s.Seconds = (time.Duration(*row.DispatchInterval) * time.Microsecond).Seconds()
	}
	switch once := row.Cron == "" && row.DispatchInterval == nil; {
	case row.NextDispatch == nil && once && row.LastTaskID != nil:
		s.State = "done"
	case row.NextDispatch == nil:
		s.State = "paused"
	}
	if _, known := kinds[row.TaskName]; !known {
		s.State = "unknown kind"
	}
	return s
}

func (c *commands) printSchedules(all []shownSchedule) error {
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "NAME\tSTATE\tWHEN\tNEXT\tMISSED\tKIND"); err != nil {
		return err
	}
	for _, s := range all {
		when := cmp.Or(s.Cron, "once")
		if s.Cron != "" && s.TimeZone != "UTC" {
			when += " " + s.TimeZone
		}
		if s.Seconds > 0 {
			when = "every " + time.Duration(s.Seconds*float64(time.Second)).String()
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", printable(s.Name), s.State, when, moment(s.NextDispatch), s.Missed, printable(s.Kind)); err != nil {
			return err
		}
	}
	return table.Flush()
}
