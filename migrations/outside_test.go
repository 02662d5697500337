package migrations_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/migrations"
)

// concurrently has an index that PostgreSQL can only make outside a transaction.
func concurrently(unique string) schema.History {
	return schema.History{App: "a", Migrations: []schema.Migration{
		{ID: "0001_table", SQL: "CREATE TABLE a (name {{text}});\nINSERT INTO a VALUES ('x'), ('x');"},
		{
			ID: "0002_index", NoTx: true,
			SQL:  "CREATE " + unique + " INDEX {{if postgres}}CONCURRENTLY{{end}} a_name ON a (name);",
			Down: "DROP INDEX {{if postgres}}CONCURRENTLY{{end}} a_name;",
		},
	}}
}

func TestOutsideTransaction(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		r := runner(t, d, migrations.Options{}, concurrently(""))
		apply(t, r)
		if diff := cmp.Diff([]object{{"a", "index", "a_name"}, {"a", "table", "a"}}, objects(t, d)); diff != "" {
			t.Error(diff)
		}
		must(t, r.Down(t.Context(), "a", "0001_table"))
		if exists(t, d, "a_name") || pending(t, r) != 1 || len(objects(t, d)) != 1 {
			t.Error("the index is still there")
		}
		apply(t, r)
		if !exists(t, d, "a_name") || pending(t, r) != 0 {
			t.Error("the index did not come back")
		}
	})
}

// TestInterruptedOutsideTransaction makes a unique index over rows that are not unique, which leaves an invalid index.
func TestInterruptedOutsideTransaction(t *testing.T) {
	t.Parallel()
	onPostgres(t, func(t *testing.T, d *db.DB) {
		r := runner(t, d, migrations.Options{}, concurrently("UNIQUE"))
		for range 2 {
			_, err := try(t.Context(), r)
			if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "interrupted") {
				t.Errorf("got %v", err)
			}
		}
		run(t, d, "DROP INDEX a_name")
		run(t, d, "DELETE FROM a")
		must(t, r.Resolve(t.Context(), "a", "0002_index", false))
		if ran := apply(t, r); len(ran) != 1 || !exists(t, d, "a_name") {
			t.Errorf("ran %v", ran)
		}
	})
}
