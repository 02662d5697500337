package repository

import (
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
	for i := range beyond {
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
	err := tx.Where("repository_id = ?", repositoryID).Order("number DESC").Find(&versions).Error
	if err != nil || int64(len(versions)) <= keep {
		return nil, err
	}
	var out []model.RepositoryVersion
	for i := range versions {
		protected, err := Protected(tx, &versions[i])
		if err != nil {
			return nil, err
		}
		if protected {
			continue
		}
		if keep--; keep < 0 {
			out = append(out, versions[i])
		}
	}
	return out, nil
}

// Protected tells whether a version must stay because it is served: a distribution names it, or a publication of it,
// or follows its repository and serves it now, or it backs a checkpoint that is served.
func Protected(tx *db.Tx, v *model.RepositoryVersion) (bool, error) {
	var n int64
	err := tx.Raw(`SELECT
		(SELECT count(*) FROM core_distributions d WHERE d.repository_version_id = ?) +
		(SELECT count(*) FROM core_distributions d JOIN core_publications p ON p.id = d.publication_id WHERE p.repository_version_id = ?) +
		(SELECT count(*) FROM core_publications p WHERE p.repository_version_id = ? AND p.checkpoint AND EXISTS (
			SELECT 1 FROM core_distributions d WHERE d.repository_id = p.repository_id AND d.checkpoint))`, v.ID, v.ID, v.ID).Scan(&n).Error
	if err != nil || n > 0 {
		return n > 0, err
	}
	return followed(tx, v)
}

// followed tells whether a distribution of the repository serves this very version: the newest published one, or the
// newest one where nothing is published.
func followed(tx *db.Tx, v *model.RepositoryVersion) (bool, error) {
	var distributions int64
	if err := tx.Raw(`SELECT count(*) FROM core_distributions WHERE repository_id = ?`, v.RepositoryID).Scan(&distributions).Error; err != nil || distributions == 0 {
		return false, err
	}
	var served *int64
	err := tx.Raw(`SELECT version_number FROM core_publications WHERE repository_id = ? AND complete ORDER BY version_number DESC LIMIT 1`, v.RepositoryID).Scan(&served).Error
	if err != nil {
		return false, err
	}
	if served == nil {
		latest, err := Latest(tx, v.RepositoryID)
		if err != nil {
			return false, err
		}
		served = &latest.Number
	}
	return *served == v.Number, nil
}

// RefuseProtected is the answer to a delete of a version that is served.
func RefuseProtected(tx *db.Tx, v *model.RepositoryVersion) error {
	protected, err := Protected(tx, v)
	if err == nil && protected {
		err = errs.Messages("The repository version cannot be deleted because it (or its publications) are currently being used to distribute content. Please update the necessary distributions first.")
	}
	return err
}
