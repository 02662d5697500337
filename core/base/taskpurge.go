package base

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

type purgeBody struct {
	before time.Time
	states []string
}

// purgeAction deletes finished tasks by a task.
func purgeAction() resource.Action[taskRow] {
	body := resource.Accepts[purgeBody]{Component: "Purge", Lenient: true, Fields: []resource.Field[purgeBody]{
		resource.Time("finished_before", func(b *purgeBody) *time.Time { return &b.before }).Doc("Purge tasks completed earlier than this timestamp."),
		resource.Texts("states", func(b *purgeBody) *[]string { return &b.states }).Default([]any{"completed"}).Check(func(b *purgeBody) error {
			for _, s := range b.states {
				if !task.State(s).Final() {
					return errs.New(errs.Invalid, "%q is no final state; choose among completed, failed, canceled and skipped.", s)
				}
			}
			return nil
		}),
	}}
	return resource.Action[taskRow]{
		Verb: "purge", OnList: true, Doc: "Delete finished tasks.", Body: body, Answers: resource.Accepted(),
		Handle: func(c *resource.Call, _ *taskRow) (*resource.Answer, error) {
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			if b.before.IsZero() {
				b.before = time.Now().UTC().AddDate(0, 0, -30).Truncate(24 * time.Hour)
			}
			args := purge{Before: b.before, States: b.states}
			if c.User != nil {
				args.By = &c.User.ID
			}
			return c.Dispatch(args, nil)
		},
	}
}

// purge is the task that deletes finished tasks.
type purge struct {
	Before time.Time `json:"before"`
	// Minutes, when given, stand for the time that is so long ago when the task runs.
	Minutes int64    `json:"minutes,omitempty"`
	States  []string `json:"states"`
	// By is the user whose rights bound what is deleted; nil is the system, which deletes all.
	By *int64 `json:"by,omitempty"`
}

// Kind is the task's name.
func (purge) Kind() string { return "pulpcore.app.tasks.purge.purge" }

// Locks are none.
func (purge) Locks() task.Locks { return task.Locks{} }

// Scheduled tells what is wrong with arguments that a person wrote: a schedule has no fixed time and no user.
func (a purge) Scheduled(string) (task.Args, error) {
	if !a.Before.IsZero() || a.By != nil {
		return nil, errs.New(errs.Invalid, "a schedule takes minutes and states only")
	}
	if len(a.States) == 0 {
		a.States = []string{string(task.Completed)}
	}
	for _, s := range a.States {
		if !task.State(s).Final() {
			return nil, errs.New(errs.Invalid, "%q is no final state; choose among completed, failed, canceled and skipped", s)
		}
	}
	return a, checkMinutes(a.Minutes)
}

// purgeBatch bounds the tasks that one transaction deletes.
const purgeBatch = 500

func taskHandlers(env *resource.Env) []task.Handler {
	// Upkeep that nobody waits for, and it may take minutes.
	return []task.Handler{task.Handle(func(ctx context.Context, run *task.Run, a purge) (any, error) {
		if a.Minutes > 0 {
			a.Before = ago(a.Minutes)
		}
		seen, err := deletable(ctx, env, run, a.By)
		if err != nil {
			return nil, err
		}
		progress, err := run.Progress(ctx, "purge.tasks.total", "Purged Tasks", nil, "")
		if err != nil {
			return nil, err
		}
		for total := int64(0); ; {
			n, groups, err := purgeSome(ctx, run, a, seen)
			if err != nil || n+groups == 0 {
				progress.Done()
				run.Log().Info("finished tasks were removed", "count", total, "finished_before", a.Before, "states", a.States)
				return nil, err
			}
			total += n
			progress.Add(n)
		}
	}, task.Long(), task.WithPriority(task.Low), task.Schedulable())}
}

// deletable is the condition that a task t may be deleted by who asked for the purge, as his rights are now.
func deletable(ctx context.Context, env *resource.Env, run *task.Run, by *int64) (resource.Cond, error) {
	if by == nil {
		var system *resource.Viewer
		return system.Sees("core.task", "core.delete_task", "t.id")
	}
	var found []auth.User
	if err := env.DB.Read(ctx).Where("id = ? AND is_active", *by).Find(&found).Error; err != nil {
		return resource.Cond{}, fmt.Errorf("find the user who asked for the purge: %w", err)
	}
	if len(found) == 0 {
		return resource.Cond{}, errs.New(errs.Forbidden, "The user who asked for this is no longer active; nothing was purged. Ask as somebody else.")
	}
	return env.ViewerOf(ctx, &found[0], run.Domain).Sees("core.task", "core.delete_task", "t.id")
}

// purgeSome deletes a batch of tasks, and one of groups that have none any more, in a transaction of its own.
func purgeSome(ctx context.Context, run *task.Run, a purge, may resource.Cond) (n, groups int64, err error) {
	err = run.InTx(ctx, func(tx *db.Tx) (err error) {
		if n, err = purgeTasks(tx, run, a, may); err != nil {
			return err
		}
		groups, err = purgeGroups(tx, run.Domain, a.Before)
		return err
	})
	return n, groups, err
}

func purgeTasks(tx *db.Tx, run *task.Run, a purge, may resource.Cond) (int64, error) {
	var ids []string
	args := slices.Concat([]any{run.Domain, a.States, a.Before, run.ID}, may.Args, []any{purgeBatch})
	err := tx.Raw(`SELECT t.id FROM core_tasks t WHERE t.domain_id = ? AND t.state IN ? AND t.finished_at < ? AND t.id <> ? AND `+may.SQL+` ORDER BY t.seq LIMIT ?`, args...).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if err := forgetTasks(tx, ids...); err != nil {
		return 0, err
	}
	if err := tx.Exec("DELETE FROM core_role_assignments WHERE model = 'core.task' AND object_id IN ?", ids).Error; err != nil {
		return 0, err
	}
	done := tx.Exec("DELETE FROM core_tasks WHERE id IN ?", ids)
	return done.RowsAffected, done.Error
}

// purgeGroups deletes groups that no task is left of and none will come into. They say nothing without their tasks, so
// whoever may delete those needs no further right.
func purgeGroups(tx *db.Tx, domain string, before time.Time) (int64, error) {
	var ids []string
	err := tx.Raw(`SELECT g.id FROM core_task_groups g WHERE g.domain_id = ? AND g.all_tasks_dispatched AND g.pulp_last_updated < ?
		AND NOT EXISTS (SELECT 1 FROM core_tasks t WHERE t.task_group_id = g.id) ORDER BY g.id LIMIT ?`, domain, before, purgeBatch).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if err := tx.Exec("DELETE FROM core_role_assignments WHERE model = 'core.taskgroup' AND object_id IN ?", ids).Error; err != nil {
		return 0, err
	}
	done := tx.Exec("DELETE FROM core_task_groups WHERE id IN ?", ids)
	if done.Error != nil {
		return 0, fmt.Errorf("delete task groups without tasks: %w", done.Error)
	}
	return done.RowsAffected, nil
}

// forgetTasks lets the children of tasks that are about to go stand alone.
func forgetTasks(tx *db.Tx, ids ...string) error {
	err := tx.Exec("UPDATE core_tasks SET parent_task_id = NULL WHERE parent_task_id IN ?", ids).Error
	if err != nil {
		return fmt.Errorf("let the children of a task go: %w", err)
	}
	return nil
}
