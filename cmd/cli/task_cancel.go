package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/tasks"
)

func (c *commands) taskCancel() *cobra.Command {
	ofGroup := ""
	cmd := &cobra.Command{
		Use:   "cancel ID…",
		Short: "End tasks: waiting ones at once, running ones as soon as they heed it",
		Long: `A running task hears of it within a second or so; one that does not end by itself is given up after task_cancel_limit. The
exit code is 1 when one of the tasks had ended already.`,
		Example: `  packhouse task cancel 019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e
  packhouse task cancel --group 019aa5e2-0a52-7d0b-93c5-7e3b8a1c9d20`,
		Args: words(0, 100, "ID… | --group ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == (ofGroup == "") {
				return misused("name the tasks, or one group with --group")
			}
			cmd.SetContext(task.WithOrigin(cmd.Context(), task.Origin{Asker: osUser() + " on the command line"}))
			return c.withDatabase(cmd.Context(), func(l *loaded, d *db.DB) (err error) {
				machine, err := node.NewCanceler(l.Settings, d, l.log)
				if err != nil {
					return err
				}
				// detached: what others are to be told of the cancel is told also after an interrupt.
				defer func() { err = errors.Join(err, machine.Stop(context.WithoutCancel(cmd.Context()))) }()
				x := canceling{c: c, cmd: cmd, l: l, db: d, machine: machine}
				if ofGroup != "" {
					return x.group(ofGroup)
				}
				return x.each(args)
			})
		},
	}
	cmd.Flags().StringVar(&ofGroup, "group", "", "end all tasks of the task group `ID`, and let no more begin")
	return cmd
}

// canceling is one run of `task cancel`.
type canceling struct {
	c       *commands
	cmd     *cobra.Command
	l       *loaded
	db      *db.DB
	machine *tasks.Tasks
}

// each cancels the tasks that are named, each with an entry of its own in the audit log.
func (x *canceling) each(named []string) error {
	var found []*task.Row
	for _, name := range named {
		row, err := findTask(x.db.Read(x.cmd.Context()), name)
		if err != nil {
			return err
		}
		found = append(found, row)
	}
	var faults []error
	before := x.cmd.Context()
	for _, row := range found {
		faults = append(faults, x.c.recorded(x.cmd, x.l, func() error {
			audit.From(x.cmd.Context()).Object(ident.PRN("core.task", row.ID))
			return x.one(row)
		}))
		x.cmd.SetContext(before)
	}
	return errors.Join(faults...)
}

// one cancels a task. One that has ended is refused before anything is committed that the audit log would call done.
func (x *canceling) one(row *task.Row) error {
	if row.Final() {
		return errs.New(errs.Conflict, "the task %s has ended already, it %s", row.ID, stateWords(row.State))
	}
	row, err := x.machine.Cancel(x.cmd.Context(), row.ID)
	if err != nil {
		return err
	}
	if row.State == task.Canceling {
		x.c.say("the task %s was asked to stop; packhouse task wait %s shows when it has\n", row.ID, row.ID)
		return nil
	}
	x.c.say("canceled the task %s\n", row.ID)
	return nil
}

// group cancels the tasks of a group.
func (x *canceling) group(named string) error {
	id, err := findGroup(x.db.Read(x.cmd.Context()), named)
	if err != nil {
		return err
	}
	return x.c.recorded(x.cmd, x.l, func() error {
		audit.From(x.cmd.Context()).Object(ident.PRN("core.taskgroup", id))
		open, err := task.EndGroup(x.cmd.Context(), x.db, x.machine, id, nil)
		if err != nil {
			return err
		}
		x.c.say("canceled the task group %s with %d unfinished tasks\n", id, open)
		return nil
	})
}

// findGroup finds the task group that a word of the command line names.
func findGroup(read *gorm.DB, named string) (string, error) {
	begin, err := identity(named, "core.taskgroup", "task-groups")
	if err != nil {
		return "", err
	}
	var ids []string
	low, high := between(begin)
	if err := read.Raw("SELECT id FROM core_task_groups WHERE id >= ? AND id <= ? ORDER BY id LIMIT 2", low, high).Scan(&ids).Error; err != nil {
		return "", err
	}
	switch len(ids) {
	case 0:
		return "", errs.New(errs.NotFound, "there is no task group %s", named)
	case 1:
		return ids[0], nil
	}
	return "", errs.New(errs.Invalid, "%s may be several task groups; give more of the ID", named)
}
