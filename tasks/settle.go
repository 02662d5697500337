package tasks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// settle ends an unfinished task as judge says, if judge agrees when it sees the locked row: state and outcome, final
// progress, freed locks, and what an unsuccessful one leaves half done. Then the next in line get their turn. It
// gives the row as it is then, and whether it was ended here.
func (t *Tasks) settle(ctx context.Context, id string, judge func(tx *db.Tx, row *task.Row) (verdict, bool, error)) (*task.Row, bool, error) {
	var row task.Row
	var freed []task.Lock
	var settled bool
	err := t.db.InTx(ctx, func(tx *db.Tx) error {
		row, freed, settled = task.Row{}, nil, false
		if err := lockTask(tx, id, &row); err != nil || row.Final() {
			return err
		}
		v, agreed, err := judge(tx, &row)
		if err != nil || !agreed {
			return err
		}
		settled = true
		freed, err = end(tx, &row, v)
		return err
	})
	if err != nil || !settled {
		return &row, false, wrap(err, "end task %s", id)
	}
	t.finals.tell(id)
	t.advance(ctx, freed)
	return &row, true, nil
}

// lockTask reads a row and keeps it from changing until the end of the transaction.
func lockTask(tx *db.Tx, id string, row *task.Row) error {
	query := "SELECT * FROM core_tasks WHERE id = ?"
	if tx.Dialect() == db.Postgres {
		query += " FOR NO KEY UPDATE"
	}
	found := tx.Raw(query, id).Scan(row)
	if found.Error == nil && found.RowsAffected == 0 {
		return errs.New(errs.NotFound, "there is no task %s, it may have been purged", id)
	}
	return found.Error
}

// end writes the outcome and frees the locks.
func end(tx *db.Tx, row *task.Row, v verdict) (freed []task.Lock, err error) {
	now := model.Now()
	row.State, row.Result, row.Error, row.FinishedAt, row.PulpLastUpdated = v.state, v.result, v.fault, &now, now
	err = tx.Exec(`UPDATE core_tasks SET state = ?, result = ?, error = ?, finished_at = ?, pulp_last_updated = ? WHERE seq = ?`,
		v.state, v.result, v.fault, now, now, row.Seq).Error
	if err != nil {
		return nil, err
	}
	if row.StartedAt != nil {
		if err := tidy(tx, row.ID, v.state); err != nil {
			return nil, err
		}
	}
	err = tx.Raw("DELETE FROM core_task_locks WHERE task_seq = ? RETURNING resource, task_seq, exclusive, held", row.Seq).Scan(&freed).Error
	return freed, err
}

// tidy gives open progress reports the final state, and removes what the task had staged and publications that never
// became complete.
func tidy(tx *db.Tx, id string, state task.State) error {
	open := []task.State{task.Waiting, task.Running, task.Canceling}
	err := tx.Exec("UPDATE core_progress_reports SET state = ? WHERE task_id = ? AND state IN ?", state, id, open).Error
	if err != nil || state == task.Completed {
		return err
	}
	if err := tx.Exec("DELETE FROM core_staged_contents WHERE task_id = ?", id).Error; err != nil {
		return err
	}
	return tx.Exec("DELETE FROM core_publications WHERE task_id = ? AND NOT complete", id).Error
}

// finish ends the executed task, unless it is not ours any more. It does not give up while the database is away: the
// work is done and must not be lost. If it stays away for long, others will have settled the task.
func (x *execution) finish(v verdict) {
	// detached: the end is written whatever ended the work.
	ctx := context.WithoutCancel(x.ctx)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := x.tryFinish(ctx, v)
		if err == nil || errs.Is(err, errs.NotFound) {
			return
		}
		x.t.log.Warn("the end of a task could not be saved, it will be tried again", "task", x.row.ID, "error", err)
		if !passes(err) {
			fault := errs.New(errs.Internal, "save the result of the task: %w", err)
			v = verdict{state: task.Failed, fault: task.FailureOf(fault, x.t.o.Redact).JSON()}
		}
		wait := time.NewTimer(pause)
		select {
		case <-x.t.abandoned:
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

func (x *execution) tryFinish(ctx context.Context, v verdict) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, ours, err := x.t.settle(ctx, x.row.ID, func(_ *db.Tx, row *task.Row) (verdict, bool, error) {
		mine := row.Worker != nil && *row.Worker == x.name
		return asRequested(row, v), mine, nil
	})
	if err == nil && !ours {
		x.t.log.Warn("a task ended here that others had settled already", "task", x.row.ID)
	}
	return err
}

// asRequested lets a request to cancel have the last word.
func asRequested(row *task.Row, v verdict) verdict {
	if row.State == task.Canceling {
		return verdict{state: task.Canceled}
	}
	return v
}

// passes tells whether an error may go away by itself.
func passes(err error) bool {
	return slices.Contains([]errs.Kind{errs.Unavailable, errs.StorageFull, errs.Canceled}, errs.KindOf(err))
}

// failedFor is the end of a task that was given up for a reason.
func failedFor(format string, args ...any) verdict {
	return verdict{state: task.Failed, fault: task.Reason{Reason: fmt.Sprintf(format, args...)}.JSON()}
}
