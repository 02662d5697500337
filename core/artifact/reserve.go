package artifact

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// Blobs are removed after the rows that led to them, in another transaction: a crash between the two leaves bytes that
// nobody refers to, never a row without bytes. What keeps the two apart from somebody who brings the same bytes just
// then is a lock on the key: shared by whoever writes bytes and their row, exclusive by whoever removes bytes.

// Transactor runs work in a transaction: a database, or a task that still is its own.
type Transactor interface {
	InTx(ctx context.Context, work func(tx *db.Tx) error) error
}

// Reserve keeps keys from being cleared away until the transaction ends. It comes before bytes are committed under a
// key for which the transaction found no row.
func (s *Store) Reserve(tx *db.Tx, keys ...string) error {
	if tx.Dialect() == db.SQLite || len(keys) == 0 {
		return nil // the transaction excludes all other writers
	}
	return tx.Exec("SELECT pg_advisory_xact_lock_shared(k) FROM unnest(CAST(? AS bigint[])) AS k", hashes(keys)).Error
}

// hashes is an array of the numbers of keys, in the one order in which everybody takes them.
func hashes(keys []string) string {
	numbers := make([]int64, len(keys))
	for i, key := range keys {
		numbers[i] = keyHash(key)
	}
	slices.Sort(numbers)
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return "{" + strings.Join(texts, ",") + "}"
}

func keyHash(key string) int64 { return db.KeyHash("blob:" + key) }

// inPlace reserves the keys of placed files and looks whether the bytes are still there: until now nothing kept them.
func (s *Store) inPlace(tx *db.Tx, files []*Received) error {
	keys := make([]string, len(files))
	for i, f := range files {
		keys[i] = f.at
	}
	if err := s.Reserve(tx, keys...); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(tx.Context())
	group.SetLimit(statWidth)
	for _, key := range keys {
		group.Go(func() error { return s.there(ctx, key) })
	}
	return group.Wait()
}

// statWidth is how many files are looked for side by side: a look at an object storage is a request.
const statWidth = 16

func (s *Store) there(ctx context.Context, key string) error {
	_, err := s.Storage.Stat(ctx, key)
	if errs.Is(err, errs.NotFound) {
		err = errs.New(errs.Unavailable, "the bytes were cleared away before they were saved; send them again: %w", err)
	}
	return err
}

// holdAll is FindAll with the rows kept until the end of the transaction.
func holdAll(tx *db.Tx, domain string, sha256s []string) (map[string]string, error) {
	found, err := FindAll(tx, domain, sha256s)
	if err != nil || tx.Dialect() == db.SQLite {
		return found, err
	}
	rows := db.Table{Columns: db.Columns("id uuid")}
	for _, id := range found {
		rows.Rows = append(rows.Rows, []any{id})
	}
	held := make(map[string]bool, len(found))
	err = tx.Query(rows, "SELECT id FROM core_artifacts WHERE id IN (SELECT w.id FROM w) ORDER BY id FOR KEY SHARE", func(read func(...any) error) error {
		var id string
		err := read(&id)
		held[id] = true
		return err
	})
	maps.DeleteFunc(found, func(_, id string) bool { return !held[id] })
	return found, err
}

func complete(found map[string]string, digests []string) bool {
	return !slices.ContainsFunc(digests, func(d string) bool { return found[d] == "" })
}

// removeBatch bounds the keys that one transaction holds while their blobs are removed.
const removeBatch = 50

// RemoveUnreferenced removes blobs of artifacts that no row leads to and that were written before a moment. Those that
// somebody is about to write a row for are left alone, and so are keys that are not of the store's making. It is safe to
// repeat.
func (s *Store) RemoveUnreferenced(ctx context.Context, in Transactor, keys []string, before time.Time) (removed int, err error) {
	for some := range slices.Chunk(keys, removeBatch) {
		err := in.InTx(ctx, func(tx *db.Tx) error {
			n, err := s.removeFree(ctx, tx, some, before)
			removed += n
			return err
		})
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// Unreferenced are those of the keys that no row leads to at the moment, for RemoveUnreferenced to look at again.
func (s *Store) Unreferenced(ctx context.Context, d *db.DB, keys []string) ([]string, error) {
	held, err := s.referenced(d.Read(ctx), keys)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return held[key] }), nil
}

// removeFree removes within the transaction, whose locks keep others from the keys meanwhile; nothing is written in it.
func (s *Store) removeFree(ctx context.Context, tx *db.Tx, keys []string, before time.Time) (removed int, err error) {
	mine, err := free(tx, keys)
	if err != nil {
		return 0, err
	}
	held, err := s.referenced(tx.DB, mine)
	if err != nil {
		return 0, err
	}
	for _, key := range mine {
		if held[key] {
			continue
		}
		info, err := s.Storage.Stat(ctx, key)
		if errs.Is(err, errs.NotFound) || err == nil && info.ModTime.After(before) {
			continue // what was written since is somebody's who has not come to write its row
		}
		if err == nil {
			err = s.Storage.Delete(ctx, key)
		}
		if err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// free takes the exclusive locks that can be had without waiting, so that nobody waits for each other in a circle.
func free(tx *db.Tx, keys []string) ([]string, error) {
	if tx.Dialect() == db.SQLite {
		return keys, nil
	}
	var got []int64
	err := tx.Raw("SELECT k FROM unnest(CAST(? AS bigint[])) AS k WHERE pg_try_advisory_xact_lock(k)", hashes(keys)).Scan(&got).Error
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !slices.Contains(got, keyHash(key)) }), nil
}

// referenced are the keys that an artifact of any domain leads to, or an upload whose commit was cut off half-way.
// Keys that are not of the store's making count as referenced.
func (s *Store) referenced(tx *gorm.DB, keys []string) (map[string]bool, error) {
	held := map[string]bool{}
	digests := make([]string, 0, len(keys))
	for _, key := range keys {
		if digest := s.sha256Of(key); digest != "" {
			digests = append(digests, digest)
		} else {
			held[key] = true
		}
	}
	if len(digests) == 0 {
		return held, nil
	}
	var files []string
	err := tx.Raw(`SELECT file FROM core_artifacts WHERE domain_id IN (SELECT id FROM core_domains) AND sha256 IN ?
		UNION ALL SELECT assembled FROM core_uploads WHERE assembled IN ?`, digests, keys).Scan(&files).Error
	for _, file := range files {
		held[file] = true
	}
	return held, err
}

var _ Transactor = (*db.DB)(nil)
