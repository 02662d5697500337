package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

func (c *commands) schedules() *cobra.Command {
	return group(&cobra.Command{
		Use:   "schedule",
		Short: "List, pause, resume and run what is done again and again",
		Long: `Works on the database itself, also beside running processes: the workers look every few seconds what is due. Schedules
are made and changed with the REST API, see task-schedules/.`,
		Example: "  packhouse schedule list\n  packhouse schedule pause 'core/clean up orphans'",
	}, c.scheduleList(),
		c.scheduleChange("pause NAME", "Stop dispatching until it is resumed", pause),
		c.scheduleChange("resume NAME", "Go on at the next moment after now", resume),
		c.scheduleRun())
}

// scheduleChange makes a command that sets the next dispatch of a schedule.
func (c *commands) scheduleChange(use, short string, next func(row task.ScheduleRow, now time.Time) (*time.Time, error)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: words(1, 1, "NAME"),
		Example: "  packhouse schedule " + use[:len(use)-len("NAME")] + "'core/clean up orphans'",
		RunE: func(cmd *cobra.Command, args []string) error {
			var at *time.Time
			err := c.changing(cmd, func(_ *loaded, tx *db.Tx) (err error) {
				at, err = reschedule(tx, args[0], next)
				return err
			})
			if err != nil {
				return err
			}
			c.say("the schedule %s is next due: %s\n", printable(args[0]), moment(at))
			return nil
		},
	}
}

func reschedule(tx *db.Tx, name string, next func(row task.ScheduleRow, now time.Time) (*time.Time, error)) (*time.Time, error) {
	row, err := lockSchedule(tx, name)
	if err != nil {
		return nil, err
	}
	now, err := tx.Time()
	if err != nil {
		return nil, err
	}
	at, err := next(*row, now)
	if err != nil {
		return nil, err
	}
	change := map[string]any{"next_dispatch": at, "pulp_last_updated": model.Now()}
	return at, tx.Model(&task.ScheduleRow{}).Where("id = ?", row.ID).Updates(change).Error
}

// lockSchedule finds a schedule by its name, and keeps workers from firing it until the end of the transaction.
func lockSchedule(tx *db.Tx, name string) (*task.ScheduleRow, error) {
	var found []task.ScheduleRow
	query := "SELECT * FROM core_task_schedules WHERE name = ?"
	if tx.Dialect() == db.Postgres {
		query += " FOR UPDATE"
	}
	if err := tx.Raw(query, name).Scan(&found).Error; err != nil {
		return nil, fmt.Errorf("find the schedule %q: %w", name, err)
	}
	if len(found) == 0 {
		return nil, errs.New(errs.NotFound, "there is no schedule %q; look at packhouse schedule list", name)
	}
	audit.From(tx.Context()).Object(ident.PRN("core.taskschedule", found[0].ID))
	return &found[0], nil
}

func pause(task.ScheduleRow, time.Time) (*time.Time, error) { return nil, nil }

func resume(row task.ScheduleRow, now time.Time) (*time.Time, error) {
	if row.NextDispatch != nil {
		return nil, errs.New(errs.Conflict, "the schedule %q is not paused", row.Name)
	}
	at, err := row.After(now)
	if err == nil && at == nil {
		err = errs.New(errs.Conflict, "the schedule %q was for once; give it a new next_dispatch with the REST API", row.Name)
	}
	return at, err
}
