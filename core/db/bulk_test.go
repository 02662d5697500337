package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

const bulkTable = `CREATE TABLE bulk (id {{int}} PRIMARY KEY, name {{text}}, at {{time}}, data {{json}}, yes {{bool}}, size {{int}});`

// Rows of every type arrive as they were given, however many there are, and with what was there already.
func TestRowsInBulk(t *testing.T) {
	onBoth(t, bulkTable, func(t *testing.T, d *db.DB) {
		columns, err := db.ColumnsOf(t.Context(), d, "bulk", []string{"id", "name", "at", "data", "yes", "size"})
		must(t, err)
		at, name, n := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), `a "b", {c} \d 'e' NULL`, int64(1)<<60
		rows := db.Table{Columns: columns}
		const many = 12_000 // more than one statement of SQLite takes
		for i := range many {
			rows.Rows = append(rows.Rows, []any{i, &name, at, `{"a":[1]}`, i%2 == 0, &n})
		}
		rows.Rows[7] = []any{7, nil, nil, nil, nil, nil}
		store := func(conflict string) (stored int64, err error) {
			err = d.InTx(t.Context(), func(tx *db.Tx) (err error) {
				stored, err = tx.InsertRows("bulk", rows, conflict)
				return err
			})
			return stored, err
		}
		if stored, err := store(""); err != nil || stored != many {
			t.Fatalf("%d rows, %v", stored, err)
		}
		if stored, err := store("ON CONFLICT DO NOTHING"); err != nil || stored != 0 {
			t.Errorf("again %d rows, %v", stored, err)
		}
		if _, err := store(""); !errs.Is(err, errs.Conflict) {
			t.Errorf("without a clause: %v", err)
		}
		var got []struct {
			ID   int64
			Name *string
			At   *time.Time
			Data *string
			Yes  *bool
			Size *int64
		}
		must(t, d.Read(t.Context()).Raw("SELECT * FROM bulk WHERE id IN (0, 7) ORDER BY id").Scan(&got).Error)
		if r := got[0]; *r.Name != name || !r.At.Equal(at) || !*r.Yes || *r.Size != n {
			t.Errorf("%+v", r)
		}
		if r := got[1]; r.Name != nil || r.At != nil || r.Data != nil || r.Yes != nil || r.Size != nil {
			t.Errorf("%+v", r)
		}
	})
}

// A query over given rows finds their partners, and parameters of its own count on from those of the rows.
func TestQueriesOverGivenRows(t *testing.T) {
	onBoth(t, bulkTable, func(t *testing.T, d *db.DB) {
		must(t, d.InTx(t.Context(), func(tx *db.Tx) error {
			return tx.Exec("INSERT INTO bulk (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')").Error
		}))
		wanted := db.Table{Columns: db.Columns("place bigint", "name text"), Rows: [][]any{{10, "b"}, {11, "x"}, {12, "c"}}}
		found := map[int64]int64{}
		err := d.Query(t.Context(), wanted, "SELECT w.place, b.id FROM w CROSS JOIN bulk b WHERE b.name = w.name AND b.id < ?", func(read func(...any) error) error {
			var place, id int64
			if err := read(&place, &id); err != nil {
				return err
			}
			found[place] = id
			return nil
		}, 3)
		if err != nil || fmt.Sprint(found) != "map[10:2]" {
			t.Errorf("found %v, %v", found, err)
		}
		must(t, d.InTx(t.Context(), func(tx *db.Tx) error {
			n, err := tx.From(wanted, "UPDATE bulk SET size = ? WHERE name IN (SELECT w.name FROM w) AND id > ?", 5, 2)
			if n != 1 {
				t.Errorf("%d rows updated", n)
			}
			return err
		}))
		if _, err := db.ColumnsOf(t.Context(), d, "bulk", []string{"nothing"}); d.Dialect() == db.Postgres && !errs.Is(err, errs.Internal) {
			t.Errorf("an unknown column: %v", err)
		}
	})
}
