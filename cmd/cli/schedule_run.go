package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

func (c *commands) scheduleRun() *cobra.Command {
	return &cobra.Command{
		Use: "run NAME", Short: "Dispatch the task of a schedule once now, beside what is scheduled", Args: words(1, 1, "NAME"),
		Long: `Prints the ID of the task. When the schedule is next due stays as it is, also for one that is paused or was for once. While
the last task of the schedule is not finished there is no other one: that is refused.`,
		Example: "  packhouse schedule run 'core/clean up orphans'\n  packhouse task wait $(packhouse schedule run 'core/clean up orphans')",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDatabase(cmd.Context(), func(l *loaded, d *db.DB) (err error) {
				server, err := node.Reading(d, l.registry, l.Settings, l.log)
				if err != nil {
					return err
				}
				kinds := server.Env.Kinds
				box, err := node.Keys(l.Settings)
				if err != nil {
					return err
				}
				machine, err := node.NewDispatcher(l.Settings, d, kinds, l.log)
				if err != nil {
					return err
				}
				// detached: what workers are to be told of the task is told also after an interrupt.
				defer func() { err = errors.Join(err, machine.Stop(context.WithoutCancel(cmd.Context()))) }()
				extra := extraFiring{kinds: kinds, box: box, dispatcher: machine}
				var fired *task.Row
				err = c.recorded(cmd, l, func() error {
					return d.InTx(cmd.Context(), func(tx *db.Tx) (err error) {
						fired, err = extra.fire(tx, args[0])
						return err
					})
				})
				if err != nil {
					return err
				}
				c.say("dispatched a task of the schedule %s\n", printable(args[0]))
				return c.print("%s\n", fired.ID)
			})
		},
	}
}

// extraFiring dispatches the task of a schedule that somebody asks for.
type extraFiring struct {
	kinds      map[string]task.Handler
	box        task.Opener
	dispatcher task.Dispatcher
}

// fire dispatches as a worker does when the schedule is due, and leaves the next dispatch alone.
func (x extraFiring) fire(tx *db.Tx, name string) (*task.Row, error) {
	row, err := lockSchedule(tx, name)
	if err != nil {
		return nil, err
	}
	if err := lastHasEnded(tx, row); err != nil {
		return nil, err
	}
	args, err := row.OpenArgs(x.kinds, x.box)
	if err != nil {
		return nil, err
	}
	ctx := task.WithOrigin(tx.Context(), task.Origin{CID: "schedule:" + row.Name, DomainID: row.DomainID})
	fired, err := x.dispatcher.Dispatch(ctx, tx, args)
	if err != nil {
		return nil, fmt.Errorf("dispatch the task of the schedule %q: %w", row.Name, err)
	}
	change := map[string]any{"last_task_id": fired.ID, "pulp_last_updated": model.Now()}
	return fired, tx.Model(&task.ScheduleRow{}).Where("id = ?", row.ID).Updates(change).Error
}

// lastHasEnded refuses a second task beside one that is not finished; a schedule has one at a time.
func lastHasEnded(tx *db.Tx, row *task.ScheduleRow) error {
	if row.LastTaskID == nil {
		return nil
	}
	var states []task.State
	if err := tx.Model(&task.Row{}).Where("id = ?", *row.LastTaskID).Pluck("state", &states).Error; err != nil {
		return fmt.Errorf("look at the last task of the schedule %q: %w", row.Name, err)
	}
	if len(states) > 0 && !states[0].Final() {
		return errs.New(errs.Conflict, "the last task of the schedule %q is %s; wait for it with packhouse task wait %s", row.Name, states[0], *row.LastTaskID)
	}
	return nil
}
