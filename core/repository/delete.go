package repository

import (
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// DeleteVersion deletes one version. Later versions keep their content: what it added and removed is folded into the
// next one. Its publications go with it. The last remaining version cannot be deleted (PLP0011).
func (c *Committer) DeleteVersion(tx *db.Tx, v *model.RepositoryVersion) error {
	if err := tx.LockRow("core_repositories", v.RepositoryID); err != nil {
		return err
	}
	var numbers []int64
	err := tx.Model(&model.RepositoryVersion{}).Where("repository_id = ?", v.RepositoryID).Order("number").Pluck("number", &numbers).Error
	if err != nil {
		return err
	}
	at := slices.Index(numbers, v.Number)
	switch {
	case at < 0:
		return nil // deleted meanwhile, which is what was wanted
	case len(numbers) == 1:
		return errs.Coded(errs.Conflict, "PLP0011", "a repository must keep at least one version; delete the repository instead")
	case at == len(numbers)-1:
		err = dropNewest(tx, v, numbers[at-1])
	default:
		err = squash(tx, v, numbers[at+1])
	}
	if err != nil {
		return err
	}
	return tx.Where("id = ?", v.ID).Delete(&model.RepositoryVersion{}).Error
}

// dropNewest undoes what the newest version added and removed.
func dropNewest(tx *db.Tx, v *model.RepositoryVersion, previous int64) error {
	return inOrder(
		func() error {
			return tx.Exec(`DELETE FROM core_repository_contents WHERE repository_id = ? AND version_added = ?`, v.RepositoryID, v.Number).Error
		},
		func() error {
			return tx.Exec(`UPDATE core_repository_contents SET version_removed = NULL WHERE repository_id = ? AND version_removed = ?`, v.RepositoryID, v.Number).Error
		},
		func() error {
			return tx.Model(&model.Repository{}).Where("id = ?", v.RepositoryID).Update("latest_version", previous).Error
		})
}

// squash moves the changes of version v into version next.
func squash(tx *db.Tx, v *model.RepositoryVersion, next int64) error {
	repo, n := v.RepositoryID, v.Number
	run := func(sql string, args ...any) func() error {
		return func() error { return tx.Exec(sql, args...).Error }
	}
	return inOrder(
		// Was in v alone: never in any version that remains.
		run(`DELETE FROM core_repository_contents WHERE repository_id = ? AND version_added = ? AND version_removed = ?`, repo, n, next),
		func() error { return rejoin(tx, repo, n, next) },
		run(`UPDATE core_repository_contents SET version_removed = ? WHERE repository_id = ? AND version_removed = ?`, next, repo, n),
		run(`UPDATE core_repository_contents SET version_added = ? WHERE repository_id = ? AND version_added = ?`, next, repo, n),
		func() error { return recount(tx, repo, next) },
	)
}

// rejoin makes one interval of two where content left with version n and came back with next: without n it never left.
func rejoin(tx *db.Tx, repo string, n, next int64) error {
	var back []struct {
		ContentID      string
		VersionRemoved *int64
	}
	err := tx.Raw(`SELECT later.content_id, later.version_removed FROM core_repository_contents later
		JOIN core_repository_contents earlier ON earlier.repository_id = later.repository_id AND earlier.content_id = later.content_id AND earlier.version_removed = ?
		WHERE later.repository_id = ? AND later.version_added = ?`, n, repo, next).Scan(&back).Error
	if err != nil {
		return err
	}
	for _, row := range back {
		err := inOrder(
			func() error {
				return tx.Exec(`DELETE FROM core_repository_contents WHERE repository_id = ? AND content_id = ? AND version_added = ?`, repo, row.ContentID, next).Error
			},
			func() error {
				return tx.Exec(`UPDATE core_repository_contents SET version_removed = ? WHERE repository_id = ? AND content_id = ? AND version_removed = ?`, row.VersionRemoved, repo, row.ContentID, n).Error
			})
		if err != nil {
			return err
		}
	}
	return nil
}

func recount(tx *db.Tx, repositoryID string, number int64) error {
	var v model.RepositoryVersion
	if err := tx.Where("repository_id = ? AND number = ?", repositoryID, number).Take(&v).Error; err != nil {
		return err
	}
	counts, err := v.ReadCounts()
	if err != nil {
		return err
	}
	if counts.Added, err = countTypes(tx, repositoryID, "version_added = ?", number); err != nil {
		return err
	}
	if counts.Removed, err = countTypes(tx, repositoryID, "version_removed = ?", number); err != nil {
		return err
	}
	return tx.Model(&v).Update("counts", countsJSON(counts)).Error
}

func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
