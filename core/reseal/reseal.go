// Package reseal counts and renews the secrets that are stored sealed: which key sealed how many, and, for a rotation of
// keys, all of them sealed again with the first key of the key file.
//
// Where they are is declared by those who store them, as secret.Column. A rotation works in short transactions beside
// running processes: each value is replaced only if it is still the one that was read, so a change that somebody makes
// meanwhile is never lost. It keeps no state of its own. What is sealed with the first key is done, so a rotation that
// was cut off is simply run again.
package reseal

import (
	"context"
	"errors"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/secret"
)

// batch is the number of values that one transaction replaces.
const batch = 200

// passes is how often Run looks for what other processes have sealed with an older key meanwhile.
const passes = 10

// Work is what a rotation works on.
type Work struct {
	DB      *db.DB
	Box     *secret.Box
	Columns []secret.Column
	// Report is called after each batch with the number of values of the column that were sealed again so far; may be nil.
	Report func(column secret.Column, done int)
}

// Outcome is what a rotation did.
type Outcome struct {
	// Sealed is the number of values that were sealed again.
	Sealed int
	// Lost counts the values that no key of the file opens, by column; they stay as they are.
	Lost map[secret.Column]int
}

// Run seals everything again that another key than the first one has sealed, and looks at the end that nothing is left.
// Values that cannot be opened are counted and left alone. Values that are sealed with an older key again and again, by a
// process that has not read the key file, are errs.Conflict. The end of ctx ends it after the batch that is under way.
func (w Work) Run(ctx context.Context) (Outcome, error) {
	out := Outcome{}
	for range passes {
		done, lost, err := w.pass(ctx)
		out.Sealed += done
		out.Lost = lost
		if err != nil {
			return out, err
		}
		left, err := w.left(ctx)
		if err != nil {
			return out, err
		}
		for _, n := range lost {
			left -= n
		}
		if left <= 0 {
			return out, nil
		}
	}
	return out, errs.New(errs.Conflict, "a process goes on sealing with an older key; make it read the key file (send it SIGHUP, or restart it) and run this again")
}

// left counts what another key than the first has sealed.
func (w Work) left(ctx context.Context) (int, error) {
	tallies, err := w.Count(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, t := range tallies {
		if t.Key != w.Box.IDs()[0] {
			n += t.Values
		}
	}
	return n, nil
}

func (w Work) pass(ctx context.Context) (done int, lost map[secret.Column]int, err error) {
	lost = map[secret.Column]int{}
	for _, column := range w.Columns {
		n, failed, err := w.column(ctx, column)
		done += n
		if failed > 0 {
			lost[column] = failed
		}
		if err != nil {
			return done, lost, fmt.Errorf("seal %s.%s again: %w", column.Table, column.Column, err)
		}
	}
	return done, lost, nil
}

// column goes once through the values of a column, in the order of their rows.
func (w Work) column(ctx context.Context, c secret.Column) (done, lost int, err error) {
	var after any
	for {
		if err := ctx.Err(); err != nil {
			return done, lost, err
		}
		values, err := w.next(ctx, c, after)
		if err != nil || len(values) == 0 {
			return done, lost, err
		}
		after = values[len(values)-1].key
		changed, failed, err := w.renew(c, values)
		lost += failed
		if err != nil {
			return done, lost, err
		}
		n, err := w.store(ctx, c, changed)
		if err != nil {
			return done, lost, err
		}
		done += n
		if w.Report != nil && n > 0 {
			w.Report(c, done)
		}
	}
}

// value is one sealed value and what takes its place.
type value struct {
	key        any
	old, again []byte
}

// next reads a batch of values that another key than the first has sealed, beyond a row.
func (w Work) next(ctx context.Context, c secret.Column, after any) (values []value, err error) {
	head, err := w.Box.Header()
	if err != nil {
		return nil, err
	}
	statement := fmt.Sprintf("SELECT %[1]s, %[2]s FROM %[3]s WHERE %[2]s IS NOT NULL AND substr(%[2]s, 1, %[4]d) <> ?", c.Key, c.Column, c.Table, secret.HeaderSize)
	args := []any{head}
	if after != nil {
		statement += fmt.Sprintf(" AND %s > ?", c.Key)
		args = append(args, after)
	}
	rows, err := w.DB.Read(ctx).Raw(fmt.Sprintf("%s ORDER BY %s LIMIT %d", statement, c.Key, batch), args...).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v value
		if err := rows.Scan(&v.key, &v.old); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, rows.Err()
}

// renew opens values and seals them again. A value that does not open stays and is counted.
func (w Work) renew(c secret.Column, values []value) (changed []value, lost int, err error) {
	for _, v := range values {
		if _, err := w.Box.Open(c.Purpose, v.old); err != nil {
			lost++
			continue
		}
		if v.again, err = w.Box.Reseal(c.Purpose, v.old); err != nil {
			return nil, lost, err
		}
		changed = append(changed, v)
	}
	return changed, lost, nil
}

// store replaces values that are still what they were.
func (w Work) store(ctx context.Context, c secret.Column, values []value) (done int, err error) {
	if len(values) == 0 {
		return 0, nil
	}
	statement := fmt.Sprintf("UPDATE %[1]s SET %[2]s = ? WHERE %[3]s = ? AND %[2]s = ?", c.Table, c.Column, c.Key)
	err = w.DB.InTx(ctx, func(tx *db.Tx) error {
		done = 0
		for _, v := range values {
			changed := tx.Exec(statement, v.again, v.key, v.old)
			if changed.Error != nil {
				return changed.Error
			}
			done += int(changed.RowsAffected)
		}
		return nil
	})
	if err != nil {
		done = 0
	}
	return done, err
}
