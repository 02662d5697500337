package tasks

import (
	"fmt"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// references are what the arguments of a task name.
func references(a task.Args) []task.Reference {
	if referrer, ok := a.(task.Referrer); ok {
		return referrer.Refers()
	}
	return nil
}

// refer notes, in the transaction of the dispatch, what the task needs that nothing else may refer to yet, so that
// clean-ups leave it until the task has ended. The rows are held until then: a clean-up passes by rows that somebody
// holds, and whoever holds one after it finds it gone, which is errs.Invalid.
func refer(tx *db.Tx, row *task.Row, refers []task.Reference) error {
	byTable := map[string][]string{}
	for _, r := range refers {
		byTable[r.Table] = append(byTable[r.Table], r.ID)
	}
	for _, table := range []string{"core_artifacts", "core_contents"} {
		ids := byTable[table]
		delete(byTable, table)
		if err := referTo(tx, row.Seq, table, ids); err != nil {
			return fmt.Errorf("keep what %s needs: %w", row.Name, err)
		}
	}
	for table := range byTable {
		panic("tasks: the arguments of " + row.Name + " refer to rows of " + table + ", which no clean-up takes")
	}
	return nil
}

func referTo(tx *db.Tx, seq int64, table string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rows := db.Table{Columns: db.Columns("id uuid")}
	for _, id := range ids {
		rows.Rows = append(rows.Rows, []any{id})
	}
	held := ""
	if tx.Dialect() == db.Postgres {
		held = " ORDER BY c.id FOR KEY SHARE OF c"
	}
	n, err := tx.From(rows, "INSERT INTO core_task_references (task_seq, object_id) SELECT CAST(? AS bigint), c.id FROM "+table+" c WHERE c.id IN (SELECT w.id FROM w)"+held, seq)
	if err == nil && int(n) < len(ids) {
		err = errs.New(errs.Invalid, "What the request names was just removed by a clean-up; upload it again.")
	}
	return err
}
