package db_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// uuid gives the n-th of a row of identities.
func uuid(n int) string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", n) }

func TestLockRow(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		exec(t, d, "INSERT INTO counters VALUES (?, 0)", uuid(1))
		must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.LockRow("counters", uuid(1)) }))
		err := d.InTx(t.Context(), func(tx *db.Tx) error { return tx.LockRow("counters", uuid(2)) })
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("missing row: %v", err)
		}
		defer func() {
			if recover() == nil {
				t.Error("a table that is no name was accepted")
			}
		}()
		_ = d.InTx(t.Context(), func(tx *db.Tx) error { return tx.LockRow(`t"; DROP TABLE t; --`, "x") })
	})
}

// locks opens a transaction that holds keys until release is called, and tells when it has them.
func locks(t *testing.T, d *db.DB, exclusive, shared []string) (held <-chan struct{}, release func()) {
	t.Helper()
	has, let := make(chan struct{}), make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			if err := tx.LockKeys(exclusive, shared); err != nil {
				return err
			}
			close(has)
			<-let
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	return has, func() { close(let); ended.Wait() }
}

// waitForWaiter returns when some session waits for an advisory lock.
func waitForWaiter(t *testing.T, d *db.DB) {
	t.Helper()
	for {
		var n int
		must(t, d.Read(t.Context()).Raw("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&n).Error)
		if n > 0 {
			return
		}
	}
}

func TestLockKeysOnPostgres(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.Postgres))
	for name, c := range map[string]struct {
		firstExclusive, firstShared, secondExclusive, secondShared []string
		conflict                                                   bool
	}{
		"same exclusive":        {[]string{"a"}, nil, []string{"b", "a"}, nil, true},
		"exclusive then shared": {[]string{"c"}, nil, nil, []string{"c"}, true},
		"shared then exclusive": {nil, []string{"d"}, []string{"d"}, nil, true},
		"both kinds of one key": {[]string{"e"}, []string{"e"}, nil, []string{"e"}, true},
		"both shared":           {nil, []string{"f"}, nil, []string{"f"}, false},
		"other keys":            {[]string{"g"}, []string{"h"}, []string{"i"}, []string{"h"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			held, release := locks(t, d, c.firstExclusive, c.firstShared)
			<-held
			second, releaseSecond := locks(t, d, c.secondExclusive, c.secondShared)
			if c.conflict {
				waitForWaiter(t, d)
				select {
				case <-second:
					t.Error("both hold conflicting keys")
				default:
				}
				release()
				<-second
				releaseSecond()
				return
			}
			<-second
			releaseSecond()
			release()
		})
	}
}

// TestLockKeysNeverDeadlock takes the same keys in all orders at once.
func TestLockKeysNeverDeadlock(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		exec(t, d, "INSERT INTO counters VALUES (?, 0)", uuid(1))
		orders := [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "a", "c"}}
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				runs := 0
				err := d.InTx(t.Context(), func(tx *db.Tx) error {
					if runs++; runs > 1 {
						t.Error("the transaction had to run again")
					}
					if err := tx.LockKeys(orders[i%3], []string{"d"}); err != nil {
						return err
					}
					var n int
					if err := tx.Raw("SELECT n FROM counters").Scan(&n).Error; err != nil {
						return err
					}
					return tx.Exec("UPDATE counters SET n = ?", n+1).Error
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		var n int
		must(t, d.Read(t.Context()).Raw("SELECT n FROM counters").Scan(&n).Error)
		if n != 12 {
			t.Errorf("counted %d of 12", n)
		}
	})
}

func TestWriterWaitsWithItsContext(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.SQLite))
	held, release := locks(t, d, nil, nil)
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.InTx(ctx, func(*db.Tx) error { return nil }); !errs.Is(err, errs.Canceled) {
		t.Errorf("got %v", err)
	}
	release()
}
