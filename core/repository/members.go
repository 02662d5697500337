package repository

import (
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// eachMember reads the membership rows for which where holds, in bounded memory. That the type is read with the identity
// keeps SQLite from walking the primary key, which has the identities of all members but not the types.
func eachMember(tx *db.Tx, repositoryID string, do func(id, pulpType string), where string, args ...any) error {
	rows, err := tx.Raw(`SELECT content_id, pulp_type FROM core_repository_contents WHERE repository_id = ? AND `+where, append([]any{repositoryID}, args...)...).Rows()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	for rows.Next() {
		var id, pulpType string
		if err := rows.Scan(&id, &pulpType); err != nil {
			return db.Translate(err)
		}
		do(id, pulpType)
	}
	return db.Translate(rows.Err())
}

// Verify recomputes a version from its members and tells whether it still is what was committed.
func Verify(tx *db.Tx, v *model.RepositoryVersion) error {
	set := emptySet()
	const in = "version_added <= ? AND (version_removed IS NULL OR version_removed > ?)"
	if err := eachMember(tx, v.RepositoryID, func(id, _ string) { set.Add(id) }, in, v.Number, v.Number); err != nil {
		return err
	}
	if set.String() != v.SetHash {
		return errs.New(errs.Internal, "version %d of repository %s is not what was committed: its set hash is %s, stored is %s; restore the database from a backup", v.Number, v.RepositoryID, set, v.SetHash)
	}
	return nil
}
