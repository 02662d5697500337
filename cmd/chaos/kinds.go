package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// job is what all kinds of tasks are told.
type job struct {
	// Name is the wish that the task fulfils.
	Name              string
	Exclusive, Shared []string
	// Rest is how long the work pauses between its parts, in milliseconds.
	Rest int
	// Children are dispatched by the task, as tasks of the kind chaos.effect.
	Children []job
	// Needs is the artifact that a task of the kind chaos.refers needs.
	Needs string
}

// Locks are the resources.
func (j job) Locks() task.Locks { return task.Exclusive(j.Exclusive...).AndShared(j.Shared...) }

func (j job) self() job { return j }

// The kinds. Each is a type of its own, since the name of a kind must not depend on the values.
type (
	effectJob  struct{ job } // one transaction with two parts
	stepsJob   struct{ job } // counts up its exclusive resources, one transaction each
	slowJob    struct{ job } // long work
	failsJob   struct{ job } // an effect, then an error
	panicsJob  struct{ job } // an effect, then a panic
	spawnsJob  struct{ job } // children
	deafJob    struct{ job } // does not hear for a while that it was canceled
	suicideJob struct{ job } // an effect, then the end of its process by SIGKILL
	refersJob  struct{ job } // an effect, with an artifact that no clean-up may take meanwhile
	pingJob    struct{ job } // nothing
)

// The names of the kinds.
const (
	kindEffect  = "chaos.effect"
	kindSteps   = "chaos.steps"
	kindSlow    = "chaos.slow"
	kindFails   = "chaos.fails"
	kindPanics  = "chaos.panics"
	kindSpawns  = "chaos.spawns"
	kindDeaf    = "chaos.deaf"
	kindSuicide = "chaos.suicide"
	kindRefers  = "chaos.refers"
	kindPing    = "chaos.ping"
)

func (effectJob) Kind() string  { return kindEffect }
func (stepsJob) Kind() string   { return kindSteps }
func (slowJob) Kind() string    { return kindSlow }
func (failsJob) Kind() string   { return kindFails }
func (panicsJob) Kind() string  { return kindPanics }
func (spawnsJob) Kind() string  { return kindSpawns }
func (deafJob) Kind() string    { return kindDeaf }
func (suicideJob) Kind() string { return kindSuicide }
func (refersJob) Kind() string  { return kindRefers }
func (pingJob) Kind() string    { return kindPing }

// argsOf gives a job a kind. A kind that is not there panics.
func argsOf(kind string, j job) task.Args {
	switch kind {
	case kindEffect:
		return effectJob{j}
	case kindSteps:
		return stepsJob{j}
	case kindSlow:
		return slowJob{j}
	case kindFails:
		return failsJob{j}
	case kindPanics:
		return panicsJob{j}
	case kindSpawns:
		return spawnsJob{j}
	case kindDeaf:
		return deafJob{j}
	case kindSuicide:
		return suicideJob{j}
	case kindRefers:
		return refersJob{j}
	case kindPing:
		return pingJob{j}
	}
	panic("chaos: there is no kind " + kind)
}

// expected is how many effects a completed task of the kind has left; of chaos.spawns, how many children.
func expected(kind string, j job) int64 {
	switch kind {
	case kindEffect, kindSlow, kindDeaf, kindRefers:
		return 2
	case kindSteps:
		return int64(stepsOfTask * len(j.Exclusive))
	case kindSpawns:
		return int64(len(j.Children))
	}
	return 0
}

// stepsOfTask is how often a task of the kind chaos.steps counts up each resource.
const stepsOfTask = 3

// works does the work of all kinds.
type works struct{ journal *journal }

// handlers declares the kinds.
func (w works) handlers() []task.Handler {
	return []task.Handler{
		handle[effectJob](w, w.effect, task.WithPriority(task.High)),
		handle[stepsJob](w, w.steps),
		handle[slowJob](w, w.slow, task.Long()),
		handle[failsJob](w, w.fails),
		handle[panicsJob](w, w.panics),
		handle[spawnsJob](w, w.spawns, task.WithPriority(task.Low)),
		handle[deafJob](w, w.deaf),
		handle[suicideJob](w, w.suicide),
		handle[refersJob](w, w.refers),
		handle[pingJob](w, w.ping),
	}
}

// handle joins a kind with its work, between marks and notes in the journal.
func handle[A interface {
	task.Args
	self() job
}](w works, do func(ctx context.Context, run *task.Run, j job) error, traits ...task.Trait) task.Handler {
	return task.Handle(func(ctx context.Context, run *task.Run, a A) (any, error) {
		w.journal.begun(run.ID)
		err := w.between(ctx, run, a.self(), do)
		w.journal.returned(run.ID, err)
		return run.Seq, err
	}, traits...)
}

// between marks the beginning and the end of the use of the resources.
func (w works) between(ctx context.Context, run *task.Run, j job, do func(ctx context.Context, run *task.Run, j job) error) error {
	if err := w.mark(ctx, run, j, "begin"); err != nil {
		return err
	}
	if err := do(ctx, run, j); err != nil {
		return err
	}
	return w.mark(ctx, run, j, "end")
}

const seen = "(SELECT state FROM core_tasks WHERE id = ?)"

func (w works) mark(ctx context.Context, run *task.Run, j job, edge string) error {
	err := run.InTx(ctx, func(tx *db.Tx) error {
		for _, l := range append(marked(j.Exclusive, true), marked(append(j.Shared, everyone), false)...) {
			err := tx.Exec(`INSERT INTO chaos_marks (task_id, resource, exclusive, edge, value, seen)
				SELECT ?, resource, ?, ?, value, `+seen+` FROM chaos_counters WHERE resource = ?`, run.ID, l.Exclusive, edge, run.ID, l.Resource).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("mark the %s: %w", edge, err)
	}
	return nil
}

func marked(resources []string, exclusive bool) (out []mark) {
	for _, r := range resources {
		out = append(out, mark{Resource: r, Exclusive: exclusive})
	}
	return out
}

func leave(tx *db.Tx, run *task.Run, step, part int, resource string) error {
	return tx.Exec("INSERT INTO chaos_effects (task_id, step, part, resource, seen) VALUES (?, ?, ?, ?, "+seen+")", run.ID, step, part, resource, run.ID).Error
}

// rest pauses; it hears when the task is canceled.
func rest(ctx context.Context, j job) error {
	if pause(ctx, time.Duration(j.Rest)*time.Millisecond) != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (w works) ping(context.Context, *task.Run, job) error { return nil }

// effect leaves both of its parts or neither.
func (w works) effect(ctx context.Context, run *task.Run, j job) error {
	return run.InTx(ctx, func(tx *db.Tx) error {
		if err := leave(tx, run, 1, 1, ""); err != nil {
			return err
		}
		if err := rest(ctx, j); err != nil {
			return err
		}
		return leave(tx, run, 1, 2, "")
	})
}

// steps counts up each resource several times. Between reading and writing nothing but the reservation of the task
// keeps others away.
func (w works) steps(ctx context.Context, run *task.Run, j job) error {
	if err := w.useFolder(run); err != nil {
		return err
	}
	total := int64(stepsOfTask * len(j.Exclusive))
	progress, err := run.Progress(ctx, "chaos.steps", "Counting", &total, "")
	if err != nil {
		return err
	}
	for step := range stepsOfTask {
		for _, r := range j.Exclusive {
			if err := w.countUp(ctx, run, j, step+1, r); err != nil {
				return err
			}
			progress.Add(1)
		}
	}
	progress.Done()
	return nil
}

func (w works) countUp(ctx context.Context, run *task.Run, j job, step int, resource string) error {
	var c counter
	if err := run.DB().Read(ctx).Where("resource = ?", resource).Take(&c).Error; err != nil {
		return err
	}
	if err := rest(ctx, j); err != nil {
		return err
	}
	return run.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.Exec("UPDATE chaos_counters SET value = ? WHERE resource = ?", c.Value+1, resource).Error; err != nil {
			return err
		}
		return leave(tx, run, step, 1, resource)
	})
}

// useFolder wants the working directory empty, and leaves something in it.
func (w works) useFolder(run *task.Run) error {
	dir, err := run.Dir()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		w.journal.violated(run.ID, "found its working directory in use")
	}
	return os.WriteFile(filepath.Join(dir, "scratch"), []byte(run.ID), 0o600)
}

func (w works) fails(ctx context.Context, run *task.Run, j job) error {
	if err := w.effect(ctx, run, j); err != nil {
		return err
	}
	return errors.New("this kind always fails")
}

func (w works) panics(ctx context.Context, run *task.Run, j job) error {
	if err := w.effect(ctx, run, j); err != nil {
		return err
	}
	panic("this kind always panics")
}

// spawns dispatches its children in one transaction.
func (w works) spawns(ctx context.Context, run *task.Run, j job) error {
	var rows []*task.Row
	err := run.InTx(ctx, func(tx *db.Tx) error {
		rows = nil
		for _, child := range j.Children {
			row, err := run.Dispatch(ctx, tx, effectJob{child})
			if err != nil {
				return err
			}
			if err := wishFor(tx, row, child, j.Name); err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		w.journal.committed(row.ID)
	}
	return nil
}

// slow takes its time outside of transactions.
func (w works) slow(ctx context.Context, run *task.Run, j job) error {
	if err := rest(ctx, j); err != nil {
		return err
	}
	j.Rest = 0
	return w.effect(ctx, run, j)
}

// deaf does not hear anything for a while.
func (w works) deaf(ctx context.Context, run *task.Run, j job) error {
	// detached: that is what deaf means.
	if err := rest(context.WithoutCancel(ctx), j); err != nil {
		return err
	}
	j.Rest = 0
	return w.effect(ctx, run, j)
}

// suicide ends its process when everything but the end of the task is written.
func (w works) suicide(ctx context.Context, run *task.Run, j job) error {
	if err := w.effect(ctx, run, j); err != nil {
		return err
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		return err
	}
	select {}
}

// wishFor writes what is expected of a task, in the transaction that dispatches it.
func wishFor(tx *db.Tx, row *task.Row, j job, parent string) error {
	return tx.Create(&wish{Name: j.Name, TaskID: row.ID, Kind: row.Name, Parent: parent, Expected: expected(row.Name, j)}).Error
}
