package migrations_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/migrations"
)

// onBoth runs a test with the address of an empty database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, testkit.Postgres(t))
	})
}

func open(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: url})
	must(t, err)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, d *db.DB, statement string, args ...any) {
	t.Helper()
	must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec(statement, args...).Error }))
}

func runner(t *testing.T, d *db.DB, o migrations.Options, histories ...schema.History) *migrations.Runner {
	t.Helper()
	r, err := migrations.New(d, histories, o)
	must(t, err)
	return r
}

// apply runs what may run and gives it as "app id".
func apply(t *testing.T, r *migrations.Runner) []string {
	t.Helper()
	ran, err := try(t.Context(), r)
	must(t, err)
	return ran
}

func try(ctx context.Context, r *migrations.Runner) (ran []string, err error) {
	err = r.Apply(ctx, func(s migrations.Step, _ time.Duration) { ran = append(ran, s.App+" "+s.ID) })
	return ran, err
}

func pending(t *testing.T, r *migrations.Runner) int {
	t.Helper()
	n, err := r.Pending(t.Context())
	must(t, err)
	return n
}

// app makes a history in which every step makes a table named after app and number, and can be undone.
func app(name string, phases ...schema.Phase) schema.History {
	h := schema.History{App: name}
	for i, p := range phases {
		table := fmt.Sprintf("%s_%d", name, i+1)
		h.Migrations = append(h.Migrations, schema.Migration{
			ID: fmt.Sprintf("%04d_step", i+1), Phase: p,
			SQL:  "CREATE TABLE " + table + " (id {{uuid}} PRIMARY KEY, name {{text}});\nCREATE INDEX " + table + "_name ON " + table + " (name);",
			Down: "DROP TABLE " + table + ";",
		})
	}
	return h
}

type object struct{ Plugin, Kind, Name string }

func objects(t *testing.T, d *db.DB) (all []object) {
	t.Helper()
	must(t, d.Read(t.Context()).Raw("SELECT plugin, kind, name FROM plugin_objects ORDER BY plugin, kind, name").Scan(&all).Error)
	return all
}

// exists tells whether a table can be read.
func exists(t *testing.T, d *db.DB, table string) bool {
	t.Helper()
	query := "SELECT count(*) FROM sqlite_master WHERE name = ?"
	if d.Dialect() == db.Postgres {
		query = "SELECT count(*) FROM pg_class WHERE relname = ?"
	}
	var n int
	must(t, d.Read(t.Context()).Raw(query, table).Scan(&n).Error)
	return n > 0
}

// onPostgres runs a test of what only PostgreSQL has.
func onPostgres(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	test(t, open(t, testkit.Postgres(t)))
}
