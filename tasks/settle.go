package tasks

import (
	"context"
	"fmt"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// ending is one unfinished task that is to be ended.
type ending struct {
	id string
	// judge is asked when the row is locked: how it ends, and whether at all. It may change the row itself.
	judge func(tx *db.Tx, row *task.Row) (verdict, bool, error)

	// row is the task as it is afterwards; its ID is empty when there is none. settled tells whether it was ended here.
	row     task.Row
	settled bool
}

// appetite is how many ready tasks a worker takes in the transaction that ends others.
type appetite struct {
	name         string
	places, long int
}

// outcome is what the end of tasks brought about.
type outcome struct {
	freed   []task.Lock
	places  []task.Cap
	ready   int
	later   []int64
	claimed []task.Row
}

// conclude ends tasks as their judges say: state and outcome, final progress, freed locks, and what an unsuccessful one
// leaves half done. The next in line get their turn, and the appetite is fed, in the same transaction.
func (t *Tasks) conclude(ctx context.Context, endings []*ending, a appetite) ([]task.Row, error) {
	var out outcome
	err := t.db.InTx(ctx, func(tx *db.Tx) (err error) {
		out = outcome{}
		if err := tx.PreferIndexes(); err != nil {
			return err
		}
		if err := end(tx, endings, &out); err != nil {
			return err
		}
		if out.ready, out.later, err = t.advance(tx, out.freed, out.places); err != nil {
			return err
		}
		out.claimed, err = t.claimNext(tx, a.name, a.places, a.long)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, e := range endings {
		if e.settled {
			t.finals.tell(e.id)
			t.o.Observer.Ended(&e.row)
		}
	}
	t.giveTurns(out)
	return out.claimed, nil
}

// settle ends one task. It gives the row as it is then, and whether it was ended here; errs.NotFound when there is none.
func (t *Tasks) settle(ctx context.Context, id string, judge func(tx *db.Tx, row *task.Row) (verdict, bool, error)) (*task.Row, bool, error) {
	e := &ending{id: id, judge: judge}
	if _, err := t.conclude(ctx, []*ending{e}, appetite{}); err != nil {
		return &e.row, false, wrap(err, "end task %s", id)
	}
	if e.row.ID == "" {
		return &e.row, false, errs.New(errs.NotFound, "there is no task %s, it may have been purged", id)
	}
	return &e.row, e.settled, nil
}

// verdict is how a task ends.
type verdict struct {
	state  task.State
	result model.JSON
	fault  model.JSON
	// log is what the task said last and has not saved.
	log []task.LogLine
	// quiet tells that it has reported no progress.
	quiet bool
}

// end asks the judges and writes what they say.
func end(tx *db.Tx, endings []*ending, out *outcome) error {
	if len(endings) == 0 {
		return nil
	}
	if err := lockTasks(tx, endings); err != nil {
		return err
	}
	now := model.Now()
	table := db.Table{Columns: db.Columns("seq bigint", "id uuid", "state text", "result jsonb", "error jsonb")}
	var seqs, extras []int64
	var begun []string
	var said []task.LogLine
	for _, e := range endings {
		e.settled = false
		if e.row.ID == "" || e.row.Final() {
			continue
		}
		v, agreed, err := e.judge(tx, &e.row)
		if err != nil {
			return err
		}
		if !agreed {
			continue
		}
		e.settled = true
		e.row.State, e.row.Result, e.row.Error, e.row.FinishedAt, e.row.PulpLastUpdated = v.state, v.result, v.fault, &now, now
		table.Rows = append(table.Rows, []any{e.row.Seq, e.id, string(v.state), textOf(v.result), textOf(v.fault)})
		seqs, said = append(seqs, e.row.Seq), append(said, v.log...)
		if e.row.Extras {
			extras = append(extras, e.row.Seq)
		}
		if e.row.StartedAt != nil && !(v.quiet && v.state == task.Completed) {
			begun = append(begun, e.id)
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	if _, err := tx.From(table, `UPDATE core_tasks SET state = w.state, result = w.result, error = w.error, finished_at = ?, pulp_last_updated = ?
		FROM w WHERE core_tasks.seq = w.seq`, now, now); err != nil {
		return fmt.Errorf("write the end of tasks: %w", err)
	}
	if err := task.SaveLog(tx, said); err != nil {
		return err
	}
	if err := tidy(tx, table, begun); err != nil {
		return err
	}
	return free(tx, seqs, extras, out)
}

// lockTasks reads the rows, without their arguments, and keeps them from changing until the end of the transaction.
func lockTasks(tx *db.Tx, endings []*ending) error {
	query := `SELECT seq, id, domain_id, name, state, logging_cid, created_by, parent_task_id, task_group_id, immediate, worker, reserved_resources,
		result, error, flow, weight, lane, turn, extras, trace, diagnostics, cancel_by, sent_at, unblocked_at, started_at, finished_at, pulp_created, pulp_last_updated
		FROM core_tasks WHERE id IN ? ORDER BY seq`
	if tx.Dialect() == db.Postgres {
		query += " FOR NO KEY UPDATE"
	}
	ids := make([]string, len(endings))
	for i, e := range endings {
		ids[i] = e.id
	}
	var rows []task.Row
	if err := tx.Raw(query, ids).Scan(&rows).Error; err != nil {
		return fmt.Errorf("read tasks that end: %w", err)
	}
	for _, e := range endings {
		e.row = task.Row{}
		if i := slices.IndexFunc(rows, func(row task.Row) bool { return row.ID == e.id }); i >= 0 {
			e.row = rows[i]
		}
	}
	return nil
}

// free deletes what the ended tasks held, and of those that have any the places under caps and the references.
func free(tx *db.Tx, seqs, extras []int64, out *outcome) error {
	if err := tx.Raw("DELETE FROM core_task_locks WHERE task_seq IN ? RETURNING resource, task_seq, exclusive, held", seqs).Scan(&out.freed).Error; err != nil {
		return fmt.Errorf("free the resources of ended tasks: %w", err)
	}
	if len(extras) == 0 {
		return nil
	}
	if err := tx.Raw("DELETE FROM core_task_caps WHERE task_seq IN ? RETURNING cap, task_seq, stage", extras).Scan(&out.places).Error; err != nil {
		return fmt.Errorf("free the places of ended tasks: %w", err)
	}
	if err := tx.Exec("DELETE FROM core_task_references WHERE task_seq IN ?", extras).Error; err != nil {
		return fmt.Errorf("let go of what ended tasks referred to: %w", err)
	}
	return nil
}

// tidy gives open progress reports the final state, and removes what an unsuccessful task had staged and publications
// that never became complete.
func tidy(tx *db.Tx, ended db.Table, begun []string) error {
	var successful, unsuccessful []string
	for _, row := range ended.Rows {
		id := row[1].(string)
		switch {
		case !slices.Contains(begun, id):
		case row[2] == string(task.Completed):
			successful = append(successful, id)
		default:
			unsuccessful = append(unsuccessful, id)
		}
	}
	if len(successful)+len(unsuccessful) == 0 {
		return nil
	}
	_, err := tx.From(ended, `UPDATE core_progress_reports SET state = w.state FROM w WHERE task_id = w.id
		AND core_progress_reports.state IN ('waiting', 'running', 'canceling')`)
	if err != nil || len(unsuccessful) == 0 {
		return wrap(err, "end the progress of tasks")
	}
	if err := tx.Exec("DELETE FROM core_staged_contents WHERE task_id IN ?", unsuccessful).Error; err != nil {
		return fmt.Errorf("remove what tasks had staged: %w", err)
	}
	err = tx.Exec("DELETE FROM core_publications WHERE task_id IN ? AND NOT complete", unsuccessful).Error
	return wrap(err, "remove the incomplete publications of tasks")
}

// textOf is JSON as a value of a db.Table.
func textOf(j model.JSON) any {
	if len(j) == 0 {
		return nil
	}
	return string(j)
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
