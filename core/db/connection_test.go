package db_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

func TestSessionLockEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.Postgres))
	take := func(conn *gorm.DB) (got bool) {
		must(t, conn.Raw("SELECT pg_try_advisory_lock(7)").Scan(&got).Error)
		return got
	}
	must(t, d.OnConnection(t.Context(), func(conn *gorm.DB) error {
		if !take(conn) {
			t.Error("the lock is taken")
		}
		return d.OnConnection(t.Context(), func(other *gorm.DB) error {
			if take(other) {
				t.Error("two sessions hold the lock, or one session was given out twice")
			}
			return nil
		})
	}))
	// The server notices the end of the session a moment later; waiting for the lock shows that it does.
	must(t, d.OnConnection(t.Context(), func(conn *gorm.DB) error { return conn.Exec("SELECT pg_advisory_lock(7)").Error }))
	if read, _ := d.Stats(); read.InUse != 0 {
		t.Errorf("%d connections are still in use", read.InUse)
	}
}

const family = `CREATE TABLE parents (id {{int}} PRIMARY KEY);
CREATE TABLE children (parent {{int}} NOT NULL REFERENCES parents (id) ON DELETE CASCADE);
INSERT INTO parents VALUES (1);
INSERT INTO children VALUES (1);`

func TestRebuildKeepsChildren(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.SQLite))
	for _, s := range []string{"CREATE TABLE parents (id integer PRIMARY KEY)", "CREATE TABLE children (parent integer NOT NULL REFERENCES parents (id) ON DELETE CASCADE)",
		"INSERT INTO parents VALUES (1)", "INSERT INTO children VALUES (1)"} {
		exec(t, d, s)
	}
	rebuild := func(fill string) error {
		return d.InRebuild(t.Context(), func(tx *db.Tx) error {
			for _, s := range []string{"CREATE TABLE parents_new (id integer PRIMARY KEY, name text)", fill, "DROP TABLE parents", "ALTER TABLE parents_new RENAME TO parents"} {
				if err := tx.Exec(s).Error; err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := rebuild("SELECT 1"); !errs.Is(err, errs.Conflict) {
		t.Errorf("a rebuild that loses the parent: %v", err)
	}
	must(t, rebuild("INSERT INTO parents_new SELECT id, 'x' FROM parents"))
	if n := count(t, d, "children"); n != 1 {
		t.Errorf("%d children are left", n)
	}
	if err := d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("INSERT INTO children VALUES (9)").Error }); !errs.Is(err, errs.Conflict) {
		t.Errorf("foreign keys are not observed any more: %v", err)
	}
}

func TestRebuildRollsBack(t *testing.T) {
	onBoth(t, family, func(t *testing.T, d *db.DB) {
		broken := errors.New("broken")
		err := d.InRebuild(t.Context(), func(tx *db.Tx) error {
			must(t, tx.Exec("DROP TABLE children").Error)
			return broken
		})
		if !errors.Is(err, broken) || count(t, d, "children") != 1 {
			t.Errorf("got %v", err)
		}
	})
}
