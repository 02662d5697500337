package repository

import (
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// Retain deletes versions beyond the newest keep ones; nil keeps all. Versions that somebody is served from are extra:
// they neither go nor count.
func (c *Committer) Retain(tx *db.Tx, repositoryID string, keep *int64) error {
	if keep == nil {
		return nil
	}
	if err := tx.LockRow("core_repositories", repositoryID); err != nil {
		return err
	}
	beyond, err := beyond(tx, repositoryID, *keep)
	if err != nil {
		return err
	}
	for i := range slices.Backward(beyond) { // the oldest first, which has no one before it and costs least
		// Whoever is about to refer to the version is done once it is locked, so the second look is the last word.
		if err := tx.LockRow("core_repository_versions", beyond[i].ID); err != nil {
			return err
		}
		protected, err := Protected(tx, &beyond[i])
		if err != nil {
			return err
		}
		if protected {
			continue
		}
		if err := c.DeleteVersion(tx, &beyond[i]); err != nil {
			return err
		}
	}
	return nil
}

// beyond lists the unprotected versions after the newest keep ones. Versions are few beside their content.
func beyond(tx *db.Tx, repositoryID string, keep int64) ([]model.RepositoryVersion, error) {
	var versions []model.RepositoryVersion
	err := tx.Raw(`SELECT v.id, v.repository_id, v.number FROM core_repository_versions v WHERE v.repository_id = ? AND NOT (`+served+`) ORDER BY v.number DESC`, repositoryID).Scan(&versions).Error
	if err != nil || int64(len(versions)) <= keep {
		return nil, err
	}
	return versions[keep:], nil
}

// served holds for a version v that a distribution names, or a publication of it, or that a distribution of its
// repository serves now (the newest published one, or the newest where nothing is published), or that backs a
// checkpoint that is served.
const served = `EXISTS (SELECT 1 FROM core_distributions d WHERE d.repository_version_id = v.id)
	OR EXISTS (SELECT 1 FROM core_publications p JOIN core_distributions d ON d.publication_id = p.id WHERE p.repository_version_id = v.id)
	OR EXISTS (SELECT 1 FROM core_publications p JOIN core_distributions d ON d.repository_id = p.repository_id AND d.checkpoint WHERE p.repository_version_id = v.id AND p.checkpoint)
	OR EXISTS (SELECT 1 FROM core_distributions d WHERE d.repository_id = v.repository_id) AND v.number = COALESCE(
		(SELECT max(p.version_number) FROM core_publications p WHERE p.repository_id = v.repository_id AND p.complete),
		(SELECT max(l.number) FROM core_repository_versions l WHERE l.repository_id = v.repository_id))`

// Protected tells whether a version must stay because somebody is served from it.
func Protected(tx *db.Tx, v *model.RepositoryVersion) (bool, error) {
	var n int64
	err := tx.Raw(`SELECT count(*) FROM core_repository_versions v WHERE v.id = ? AND (`+served+`)`, v.ID).Scan(&n).Error
	return n > 0, err
}

// RefuseProtected is the answer to a delete of a version that is served.
func RefuseProtected(tx *db.Tx, v *model.RepositoryVersion) error {
	protected, err := Protected(tx, v)
	if err == nil && protected {
		err = errs.Messages("The repository version cannot be deleted because it (or its publications) are currently being used to distribute content. Please update the necessary distributions first.")
	}
	return err
}
