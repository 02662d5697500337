package db

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/packhouse/packhouse/core/errs"
)

// LockRow locks the row of table with that id until the end of the transaction, and is NotFound when there is none.
// On SQLite the transaction already excludes all other writers. A table that is no plain name panics.
func (t *Tx) LockRow(table, id string) error { return t.lockRow(table, id, " FOR UPDATE") }

// HoldRow keeps the row of table with that id from being deleted until the end of the transaction, and is NotFound when
// there is none. Others may hold it too, and change what no row refers to it by.
func (t *Tx) HoldRow(table, id string) error { return t.lockRow(table, id, " FOR KEY SHARE") }

func (t *Tx) lockRow(table, id, how string) error {
	if !plainName().MatchString(table) {
		panic("db: a lock needs the name of a table, not " + table)
	}
	query := `SELECT 1 FROM "` + table + `" WHERE id = ?`
	if t.dialect == Postgres {
		query += how
	}
	var found []int
	if err := t.Raw(query, id).Scan(&found).Error; err != nil {
		return err
	}
	if len(found) == 0 {
		return errs.New(errs.NotFound, "%s has no row %s, it may just have been deleted", table, id)
	}
	return nil
}

// LockKeys locks names, not rows, until the end of the transaction: a shared lock excludes exclusive ones of the
// same key only. All transactions take their keys in one order, so those that call LockKeys once cannot deadlock
// over them; calling it again with more keys gives that up.
func (t *Tx) LockKeys(exclusive, shared []string) error {
	return t.lockKeys(nil, keyLocks(exclusive, shared))
}

// DecideUnder is LockKeys and PreferIndexes, in one step to the server and back.
func (t *Tx) DecideUnder(exclusive, shared []string) error {
	return t.lockKeys(preferIndexes(), keyLocks(exclusive, shared))
}

// lockKeys takes locks; the first step does more beside it.
func (t *Tx) lockKeys(beside []string, keys []keyLock) error {
	if t.dialect == SQLite {
		return nil
	}
	for some := range slices.Chunk(keys, keysAtOnce) {
		calls, hashes := beside, make([]any, len(some))
		beside = nil
		for i, k := range some {
			call := "pg_advisory_xact_lock(?)"
			if k.shared {
				call = "pg_advisory_xact_lock_shared(?)"
			}
			calls, hashes[i] = append(calls, call), k.hash
		}
		if err := t.Exec("SELECT "+strings.Join(calls, ", "), hashes...).Error; err != nil {
			return err
		}
	}
	return nil
}

// keysAtOnce bounds the statements that differ only in how many keys of which kind they lock: the server keeps a plan
// for each.
const keysAtOnce = 6

// TryLockKey takes one more key without waiting, where LockKeys for all keys at once was not possible; false when
// somebody else holds it. On SQLite it is always ours.
func (t *Tx) TryLockKey(key string, exclusive bool) (taken bool, err error) {
	if t.dialect == SQLite {
		return true, nil
	}
	query := "SELECT pg_try_advisory_xact_lock_shared(?)"
	if exclusive {
		query = "SELECT pg_try_advisory_xact_lock(?)"
	}
	err = t.Raw(query, KeyHash(key)).Scan(&taken).Error
	return taken, err
}

// KeyHash is the number under which PostgreSQL locks a key: the first eight bytes of its SHA-256, big-endian.
func KeyHash(key string) int64 {
	sum := sha256.Sum256([]byte(key))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

type keyLock struct {
	hash   int64
	shared bool
}

// keyLocks sorts by number and keeps, of several for one number, the exclusive one.
func keyLocks(exclusive, shared []string) []keyLock {
	var all []keyLock
	for _, key := range exclusive {
		all = append(all, keyLock{hash: KeyHash(key)})
	}
	for _, key := range shared {
		all = append(all, keyLock{hash: KeyHash(key), shared: true})
	}
	slices.SortFunc(all, func(a, b keyLock) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(weight(a), weight(b)))
	})
	return slices.CompactFunc(all, func(a, b keyLock) bool { return a.hash == b.hash })
}

func weight(k keyLock) int {
	if k.shared {
		return 1
	}
	return 0
}

// checkForeignKeys fails when a row refers to one that is not there.
func (t *Tx) checkForeignKeys() error {
	var broken []struct{ Table, Parent string }
	if err := t.Raw("PRAGMA foreign_key_check").Scan(&broken).Error; err != nil {
		return err
	}
	if len(broken) > 0 {
		return errs.New(errs.Conflict, "%d rows, the first in %s, refer to rows of %s that are not there; nothing was changed", len(broken), broken[0].Table, broken[0].Parent)
	}
	return nil
}

var plainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_][a-z0-9_]*$`) })
