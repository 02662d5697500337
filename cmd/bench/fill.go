package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/repository"
)

// shared is the number of artifacts behind all loaded units: their bytes are never asked for.
const shared = 1000

// loader puts many units straight into the database that a server uses, in the rows that the server would have
// written: uploading a million files would take hours and show nothing else.
type loader struct{ db *db.DB }

// text gives SQL in the dialect of the database: {unit:X} is the identity of unit number X, {artifact:X} that of an
// artifact, {digest:X} its digest, {domain} and {now} are what rows begin with.
func (l loader) text(sql string) string {
	unit, digest, end := "printf('01930000-0000-7000-8000-%012x', ", "printf('%064x', ", ")"
	artifact := "printf('01930000-0000-7000-8001-%012x', "
	if l.db.Dialect() == db.Postgres {
		unit, artifact = "uuid('01930000-0000-7000-8000-' || lpad(to_hex(", "uuid('01930000-0000-7000-8001-' || lpad(to_hex("
		digest = "lpad(to_hex("
		sql = strings.NewReplacer("{unit}", unit+"i), 12, '0'))", "{artifact}", artifact+"i % 1000), 12, '0'))", "{digest}", digest+"i % 1000), 64, '0')").Replace(sql)
	}
	return strings.NewReplacer("{unit}", unit+"i"+end, "{artifact}", artifact+"i % 1000"+end, "{digest}", digest+"i % 1000"+end,
		"{domain}", "(SELECT id FROM core_domains)", "{now}", "(SELECT pulp_created FROM core_domains)").Replace(sql)
}

// insert runs an INSERT whose SELECT reads the numbers i from first to last out of s.
func (l loader) insert(ctx context.Context, first, last int, sql string) error {
	const most = 100_000 // in one transaction
	for ; first <= last; first += most {
		series := fmt.Sprintf("WITH RECURSIVE s(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM s WHERE i < %d) ", first, min(first+most-1, last))
		err := l.db.InTx(ctx, func(tx *db.Tx) error { return tx.Exec(series + l.text(sql)).Error })
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	return nil
}

// units loads n file contents, a hundredth of them below each of the folders d0/ to d99/.
func (l loader) units(ctx context.Context, n int) error {
	err := l.insert(ctx, 0, shared-1, `INSERT INTO core_artifacts (id, domain_id, file, size, sha256, timestamp_of_interest, pulp_created, pulp_last_updated)
		SELECT {artifact}, {domain}, 'none/' || i, 10, {digest}, {now}, {now}, {now} FROM s`)
	for _, sql := range []string{
		`INSERT INTO core_contents (id, domain_id, pulp_type, pulp_labels, timestamp_of_interest, first_seen_at, pulp_created, pulp_last_updated)
			SELECT {unit}, {domain}, 'file.file', '{}', {now}, {now}, {now}, {now} FROM s`,
		`INSERT INTO file_contents (id, domain_id, relative_path, digest) SELECT {unit}, {domain}, 'd' || (i % 100) || '/f' || i, {digest} FROM s`,
		`INSERT INTO core_content_artifacts (content_id, relative_path, artifact_id) SELECT {unit}, 'd' || (i % 100) || '/f' || i, {artifact} FROM s`,
	} {
		if err == nil {
			err = l.insert(ctx, 1, n, sql)
		}
	}
	return err
}

// unitHref is the address of a loaded unit.
func unitHref(i int) string { return api + "content/file/files/" + unitID(i) + "/" }

func unitID(i int) string { return fmt.Sprintf("01930000-0000-7000-8000-%012x", i) }

// members makes units 1 to n version 1 of an empty repository.
func (l loader) members(ctx context.Context, repositoryID string, n int) error {
	err := l.insert(ctx, 1, n, `INSERT INTO core_repository_contents (repository_id, content_id, version_added, pulp_type, repo_key, added_at)
		SELECT '`+repositoryID+`', {unit}, 1, 'file.file', 'd' || (i % 100) || '/f' || i, {now} FROM s`)
	if err != nil {
		return err
	}
	set, ok := repository.ParseSet(strings.Repeat("0", 64))
	if !ok {
		return fmt.Errorf("load: the hash of the empty set is not what it was")
	}
	for i := range n {
		set.Add(unitID(i + 1))
	}
	counts := fmt.Sprintf(`{"added":{"file.file":%d},"removed":{},"present":{"file.file":%d}}`, n, n)
	return l.db.InTx(ctx, func(tx *db.Tx) error {
		err := tx.Exec(l.text(`INSERT INTO core_repository_versions (id, domain_id, repository_id, number, counts, set_hash, current_from, pulp_created, pulp_last_updated)
			SELECT '01930000-0000-7000-8002-000000000001', {domain}, '` + repositoryID + `', 1, '` + counts + `', '` + set.String() + `', {now}, {now}, {now}`)).Error
		if err != nil {
			return err
		}
		return tx.Exec("UPDATE core_repositories SET next_version = 2, latest_version = 1 WHERE id = ?", repositoryID).Error
	})
}

// settled brings PostgreSQL to where its own housekeeping would bring it within minutes. Nothing is done on SQLite.
func (l loader) settled(ctx context.Context) error {
	if l.db.Dialect() != db.Postgres {
		return nil
	}
	for _, sql := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if err := l.db.Read(ctx).Exec(sql).Error; err != nil {
			return fmt.Errorf("%s after loading: %w", sql, err)
		}
	}
	return nil
}

// load opens the database of a system and loads units into it.
func (s *system) load(ctx context.Context, n int) (loader, error) {
	d, err := db.Open(ctx, db.Options{URL: s.database})
	if err != nil {
		return loader{}, err
	}
	s.later(d.Close)
	l := loader{db: d}
	return l, l.units(ctx, n)
}
