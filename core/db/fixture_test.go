package db_test

import (
	"path/filepath"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/testkit"
)

// address gives the address of an empty database of the dialect.
func address(t *testing.T, d db.Dialect) string {
	t.Helper()
	if d == db.Postgres {
		return testkit.Postgres(t)
	}
	return "sqlite://" + filepath.Join(t.TempDir(), "test.db")
}

func open(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return d
}

// onBoth runs a test on both databases, each with the tables that the statements make.
func onBoth(t *testing.T, ddl string, test func(t *testing.T, d *db.DB)) {
	t.Parallel()
	for _, dialect := range []db.Dialect{db.SQLite, db.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			d := open(t, address(t, dialect))
			statements, err := schema.Render(ddl, dialect)
			if err != nil {
				t.Fatal(err)
			}
			must(t, d.InTx(t.Context(), func(tx *db.Tx) error {
				for _, s := range statements {
					if err := tx.Exec(s).Error; err != nil {
						return err
					}
				}
				return nil
			}))
			test(t, d)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, d *db.DB, statement string, args ...any) {
	t.Helper()
	must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec(statement, args...).Error }))
}

func count(t *testing.T, d *db.DB, table string) (n int64) {
	t.Helper()
	must(t, d.Read(t.Context()).Table(table).Count(&n).Error)
	return n
}
