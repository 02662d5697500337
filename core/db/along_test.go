package db_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

func add(n int) func(tx *db.Tx) error {
	return func(tx *db.Tx) error { return tx.Exec("INSERT INTO counters VALUES (?, 1)", uuid(n)).Error }
}

// TestAlong: the companion is committed with the first transaction that is, and with no other.
func TestAlong(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		broken, runs := errors.New("broken"), 0
		ctx := db.Along(t.Context(), func(tx *db.Tx) error {
			runs++
			return add(100)(tx)
		})
		if err := d.InTx(ctx, func(*db.Tx) error { return broken }); !errors.Is(err, broken) || runs != 0 {
			t.Fatalf("a failing transaction had company: %v, %d runs", err, runs)
		}
		must(t, d.InTx(db.Alone(ctx), add(1)))
		if n := count(t, d, "counters"); n != 1 || runs != 0 {
			t.Fatalf("alone: %d rows, %d runs", n, runs)
		}
		must(t, d.InTx(ctx, func(tx *db.Tx) error {
			tx.AfterCommit(func(ctx context.Context) { must(t, d.InTx(ctx, add(2))) })
			return add(3)(tx)
		}))
		must(t, d.InTx(ctx, add(4)))
		if n := count(t, d, "counters"); n != 5 || runs != 1 {
			t.Fatalf("%d rows, %d runs", n, runs)
		}
	})
}

// TestAlongIf: a transaction without need of the companion leaves it to the next.
func TestAlongIf(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		var changed *db.Tx
		ctx := db.Along(t.Context(), add(100))
		maybe := db.AlongIf(ctx, func(tx *db.Tx) bool { return tx == changed })
		must(t, d.InTx(maybe, add(1)))
		if n := count(t, d, "counters"); n != 1 {
			t.Fatalf("%d rows without need", n)
		}
		must(t, d.InTx(maybe, func(tx *db.Tx) error {
			changed = tx
			return add(2)(tx)
		}))
		must(t, d.InTx(ctx, add(3)))
		if n := count(t, d, "counters"); n != 4 {
			t.Fatalf("%d rows in the end", n)
		}
	})
}

// TestAlongComesAgain: what was undone with its transaction joins the next one, and its error undoes the transaction.
func TestAlongComesAgain(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		must(t, d.InTx(t.Context(), add(7)))
		broken, fail := errors.New("broken"), true
		ctx := db.Along(t.Context(), func(tx *db.Tx) error {
			if err := add(100)(tx); err != nil || !fail {
				return err
			}
			return broken
		})
		if err := d.InTx(ctx, add(1)); !errors.Is(err, broken) {
			t.Fatalf("the error of the companion was lost: %v", err)
		}
		if n := count(t, d, "counters"); n != 1 {
			t.Fatalf("%d rows after a failure", n)
		}
		fail = false
		func() {
			defer func() { _ = recover() }()
			_ = d.InTx(ctx, func(*db.Tx) error { panic("oh") })
		}()
		if err := d.InTx(ctx, add(7)); !errs.Is(err, errs.Conflict) {
			t.Fatalf("got %v", err)
		}
		must(t, d.InTx(ctx, add(2)))
		if n := count(t, d, "counters"); n != 3 {
			t.Fatalf("%d rows in the end", n)
		}
	})
}

// TestAlongOnce: of many transactions at once, one has the companion.
func TestAlongOnce(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		ctx := db.Along(t.Context(), add(100))
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if err := d.InTx(ctx, add(i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := count(t, d, "counters"); n != 9 {
			t.Fatalf("%d rows", n)
		}
	})
}
