package reseal

import (
	"context"
	"errors"
	"fmt"

	"github.com/packhouse/packhouse/core/secret"
)

// Tally says how many values of a column a key has sealed.
type Tally struct {
	Column secret.Column
	// Key is the id of the key, empty for bytes that are no sealed value.
	Key    string
	Values int
}

// Count looks through all columns.
func (w Work) Count(ctx context.Context) ([]Tally, error) {
	var all []Tally
	for _, c := range w.Columns {
		tallies, err := w.count(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("count the secrets in %s.%s: %w", c.Table, c.Column, err)
		}
		all = append(all, tallies...)
	}
	return all, nil
}

func (w Work) count(ctx context.Context, c secret.Column) (tallies []Tally, err error) {
	head := fmt.Sprintf("substr(%s, 1, %d)", c.Column, secret.HeaderSize)
	rows, err := w.DB.Read(ctx).Raw(fmt.Sprintf("SELECT %[1]s, count(*) FROM %[2]s WHERE %[3]s IS NOT NULL GROUP BY %[1]s", head, c.Table, c.Column)).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	byKey := map[string]int{}
	for rows.Next() {
		var head []byte
		var n int
		if err := rows.Scan(&head, &n); err != nil {
			return nil, err
		}
		id, _ := secret.SealedBy(head)
		if byKey[id] == 0 {
			tallies = append(tallies, Tally{Column: c, Key: id})
		}
		byKey[id] += n
	}
	for i := range tallies {
		tallies[i].Values = byKey[tallies[i].Key]
	}
	return tallies, rows.Err()
}
