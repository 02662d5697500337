package db_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

const counters = "CREATE TABLE counters (id {{uuid}} PRIMARY KEY, n {{int}} NOT NULL)"

func TestAfterCommit(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "caller")
		var calls []string
		must(t, d.InTx(ctx, func(tx *db.Tx) error {
			for _, name := range []string{"first", "second"} {
				tx.AfterCommit(func(ctx context.Context) {
					calls = append(calls, name+" "+ctx.Value(key{}).(string))
					if count(t, d, "counters") != 1 {
						t.Error("the row is not there yet")
					}
					// The context is free again for a new transaction.
					must(t, d.InTx(ctx, func(*db.Tx) error { return nil }))
				})
			}
			if len(calls) != 0 {
				t.Error("called before the commit")
			}
			return tx.Exec("INSERT INTO counters VALUES (?, 1)", uuid(1)).Error
		}))
		if !slices.Equal(calls, []string{"first caller", "second caller"}) {
			t.Errorf("calls: %v", calls)
		}
	})
}

func TestNothingAfterFailure(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		broken := errors.New("broken")
		never := func(context.Context) { t.Error("called although nothing was committed") }
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			tx.AfterCommit(never)
			must(t, tx.Exec("INSERT INTO counters VALUES (?, 1)", uuid(1)).Error)
			return broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		func() {
			defer func() {
				if recover() != "oh" {
					t.Error("the panic got lost")
				}
			}()
			_ = d.InTx(t.Context(), func(tx *db.Tx) error {
				tx.AfterCommit(never)
				must(t, tx.Exec("INSERT INTO counters VALUES (?, 1)", uuid(2)).Error)
				panic("oh")
			})
		}()
		ctx, cancel := context.WithCancel(t.Context())
		err = d.InTx(ctx, func(tx *db.Tx) error {
			tx.AfterCommit(never)
			must(t, tx.Exec("INSERT INTO counters VALUES (?, 1)", uuid(3)).Error)
			cancel()
			return nil
		})
		if !errs.Is(err, errs.Canceled) {
			t.Errorf("commit after cancel: %v", err)
		}
		if n := count(t, d, "counters"); n != 0 {
			t.Errorf("%d rows were kept", n)
		}
		// The connection of the writer is free again.
		exec(t, d, "INSERT INTO counters VALUES (?, 1)", uuid(4))
	})
}

func TestSwallowedErrorDoesNotCommit(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.Postgres))
	exec(t, d, "CREATE TABLE t (a text PRIMARY KEY)")
	err := d.InTx(t.Context(), func(tx *db.Tx) error {
		must(t, tx.Exec("INSERT INTO t VALUES ('x')").Error)
		_ = tx.Exec("INSERT INTO t VALUES ('x')").Error
		return nil
	})
	if err == nil || count(t, d, "t") != 0 {
		t.Fatalf("error %v, %d rows", err, count(t, d, "t"))
	}
}

func TestTransactionInsideTransactionPanics(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_ = d.InTx(t.Context(), func(tx *db.Tx) error {
			return d.InTx(tx.Context(), func(*db.Tx) error { return nil })
		})
	})
}

// TestConcurrentIncrements loses no update: on SQLite writers queue, on PostgreSQL the row is locked.
func TestConcurrentIncrements(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		exec(t, d, "INSERT INTO counters VALUES (?, 0)", uuid(1))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 10 {
					if err := d.InTx(t.Context(), increment); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		var n int
		must(t, d.Read(t.Context()).Raw("SELECT n FROM counters").Scan(&n).Error)
		if n != 80 {
			t.Errorf("counted %d of 80", n)
		}
	})
}

func increment(tx *db.Tx) error {
	if err := tx.LockRow("counters", uuid(1)); err != nil {
		return err
	}
	var n int
	if err := tx.Raw("SELECT n FROM counters WHERE id = ?", uuid(1)).Scan(&n).Error; err != nil {
		return err
	}
	return tx.Exec("UPDATE counters SET n = ? WHERE id = ?", n+1, uuid(1)).Error
}

// TestDeadlockIsRetried makes two transactions lock two rows crosswise: the server ends one, which runs again.
func TestDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.Postgres))
	exec(t, d, "CREATE TABLE counters (id uuid PRIMARY KEY, n bigint NOT NULL)")
	exec(t, d, "INSERT INTO counters VALUES (?, 0), (?, 0)", uuid(1), uuid(2))
	var runs, commits atomic.Int32
	ready := map[string]chan struct{}{uuid(1): make(chan struct{}), uuid(2): make(chan struct{})}
	cross := func(first, second string) {
		var once sync.Once
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			runs.Add(1)
			tx.AfterCommit(func(context.Context) { commits.Add(1) })
			if err := tx.Exec("UPDATE counters SET n = n + 1 WHERE id = ?", first).Error; err != nil {
				return err
			}
			once.Do(func() { close(ready[first]) })
			<-ready[second]
			return tx.Exec("UPDATE counters SET n = n + 1 WHERE id = ?", second).Error
		})
		if err != nil {
			t.Error(err)
		}
	}
	var both sync.WaitGroup
	both.Go(func() { cross(uuid(1), uuid(2)) })
	both.Go(func() { cross(uuid(2), uuid(1)) })
	both.Wait()
	if runs.Load() != 3 || commits.Load() != 2 {
		t.Errorf("%d runs and %d commits, want 3 and 2", runs.Load(), commits.Load())
	}
	var sum int
	must(t, d.Read(t.Context()).Raw("SELECT sum(n) FROM counters").Scan(&sum).Error)
	if sum != 4 {
		t.Errorf("sum is %d", sum)
	}
}

func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.Postgres))
	runs := 0
	err := d.InTx(t.Context(), func(tx *db.Tx) error {
		runs++
		return tx.Exec("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$").Error
	})
	if runs != 3 || !errs.Is(err, errs.Unavailable) {
		t.Errorf("%d runs, %v", runs, err)
	}
}

// TestStalePlanIsRetried changes the type of a column under a prepared statement.
func TestStalePlanIsRetried(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.Postgres))
	exec(t, d, "CREATE TABLE t (a text)")
	read := func(tx *db.Tx) error {
		var rows []map[string]any
		return tx.Raw("SELECT * FROM t").Scan(&rows).Error
	}
	must(t, d.InTx(t.Context(), read))
	exec(t, d, "ALTER TABLE t ADD COLUMN b text")
	must(t, d.InTx(t.Context(), read))
}

func TestSavepoint(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		must(t, d.InTx(t.Context(), func(tx *db.Tx) error {
			must(t, tx.Exec("INSERT INTO counters VALUES (?, 1)", uuid(1)).Error)
			err := tx.Transaction(func(part *gorm.DB) error {
				return part.Exec("INSERT INTO counters VALUES (?, 1)", uuid(1)).Error
			})
			if _, ok := db.Duplicate(err); !ok {
				t.Errorf("got %v", err)
			}
			return tx.Exec("INSERT INTO counters VALUES (?, 1)", uuid(2)).Error
		}))
		if n := count(t, d, "counters"); n != 2 {
			t.Errorf("%d rows", n)
		}
	})
}
