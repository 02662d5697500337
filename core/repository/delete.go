package repository

import (
	"maps"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// NoVersion is the number before the lowest version of a repository.
const NoVersion int64 = -1

// Numbers in membership rows outlive their versions: deleting a version moves no rows. So what a version added are the
// rows with version_added above the number of the version before it, up to its own, that it still has; what it removed
// are the rows with version_removed in that span that the one before it had.

// Previous is the number of the version before number, NoVersion for the lowest.
func Previous(tx *gorm.DB, repositoryID string, number int64) (int64, error) {
	return neighbour(tx, repositoryID, "number < ?", "number DESC", number)
}

// neighbour is the first version's number in an order, NoVersion when there is none.
func neighbour(tx *gorm.DB, repositoryID, when, order string, number int64) (int64, error) {
	var found []int64
	err := tx.Model(&model.RepositoryVersion{}).Where("repository_id = ?", repositoryID).Where(when, number).Order(order).Limit(1).Pluck("number", &found).Error
	if err != nil || len(found) == 0 {
		return NoVersion, err
	}
	return found[0], nil
}

// DeleteVersion deletes one version. Later versions keep their content: what it added and removed is folded into the
// next one. Its publications go with it. The last remaining version cannot be deleted (PLP0011). The cost is that of
// the changes of the next version; when the newest one is deleted, that of its own.
func (c *Committer) DeleteVersion(tx *db.Tx, v *model.RepositoryVersion) error {
	if err := tx.LockRow("core_repositories", v.RepositoryID); err != nil {
		return err
	}
	var there model.RepositoryVersion
	if err := tx.Where("id = ?", v.ID).Limit(1).Find(&there).Error; err != nil {
		return err
	}
	if there.ID == "" {
		return nil // deleted meanwhile, which is what was wanted
	}
	previous, err := Previous(tx.DB, v.RepositoryID, v.Number)
	if err != nil {
		return err
	}
	next, err := neighbour(tx.DB, v.RepositoryID, "number > ?", "number", v.Number)
	if err != nil {
		return err
	}
	switch {
	case previous == NoVersion && next == NoVersion:
		return errs.Coded(errs.Conflict, "PLP0011", "a repository must keep at least one version; delete the repository instead")
	case next == NoVersion:
		err = dropNewest(tx, v.RepositoryID, previous)
	default:
		err = squash(tx, &there, previous, next)
	}
	if err != nil {
		return err
	}
	return tx.Where("id = ?", v.ID).Delete(&model.RepositoryVersion{}).Error
}

// dropNewest undoes what came after version previous.
func dropNewest(tx *db.Tx, repo string, previous int64) error {
	if err := tx.Exec(`DELETE FROM core_repository_contents WHERE repository_id = ? AND version_added > ?`, repo, previous).Error; err != nil {
		return err
	}
	if err := tx.Exec(`UPDATE core_repository_contents SET version_removed = NULL WHERE repository_id = ? AND version_removed > ?`, repo, previous).Error; err != nil {
		return err
	}
	return tx.Model(&model.Repository{}).Where("id = ?", repo).Update("latest_version", previous).Error
}

// squash folds the changes of v into those of version next: what came and went cancels out.
func squash(tx *db.Tx, v *model.RepositoryVersion, previous, next int64) error {
	into, err := at(tx, v.RepositoryID, next)
	if err != nil {
		return err
	}
	// Was in v alone: never in any version that remains. The sum keeps a planner from beginning with all that was added.
	canceled, err := deleted(tx, `DELETE FROM core_repository_contents WHERE repository_id = ? AND version_removed > ? AND version_removed <= ? AND version_added + 0 > ? RETURNING pulp_type`,
		v.RepositoryID, v.Number, next, previous)
	if err != nil {
		return err
	}
	if previous == NoVersion {
		return recount(tx, into, func(c *model.Counts) { c.Added, c.Removed = maps.Clone(c.Present), nil })
	}
	rejoined, err := rejoin(tx, v.RepositoryID, previous, v.Number, next)
	if err != nil {
		return err
	}
	before, err := v.ReadCounts()
	if err != nil {
		return err
	}
	return recount(tx, into, func(c *model.Counts) {
		for _, part := range []struct{ into, from map[string]int64 }{{c.Added, before.Added}, {c.Removed, before.Removed}} {
			sum(part.into, part.from, 1)
			sum(part.into, canceled, -1)
			sum(part.into, rejoined, -1)
		}
	})
}

// rejoin makes one interval of two where content left with version n and came back with next: without n it never left.
// The later row takes over the beginning of the earlier one, by way of its negative, which keeps the keys apart.
func rejoin(tx *db.Tx, repo string, previous, n, next int64) (map[string]int64, error) {
	err := tx.Exec(`UPDATE core_repository_contents SET version_added = -earlier.version_added, added_at = earlier.added_at FROM core_repository_contents earlier
		WHERE core_repository_contents.repository_id = ? AND core_repository_contents.version_added > ? AND core_repository_contents.version_added <= ?
		AND earlier.repository_id = ? AND earlier.content_id = core_repository_contents.content_id AND earlier.version_removed > ? AND earlier.version_removed <= ?`,
		repo, n, next, repo, previous, n).Error
	if err != nil {
		return nil, err
	}
	rejoined, err := deleted(tx, `DELETE FROM core_repository_contents WHERE repository_id = ? AND version_removed > ? AND version_removed <= ? AND EXISTS (
			SELECT 1 FROM core_repository_contents later WHERE later.repository_id = core_repository_contents.repository_id
			AND later.content_id = core_repository_contents.content_id AND later.version_added = -core_repository_contents.version_added) RETURNING pulp_type`, repo, previous, n)
	if err != nil || len(rejoined) == 0 {
		return nil, err
	}
	return rejoined, tx.Exec(`UPDATE core_repository_contents SET version_added = -version_added WHERE repository_id = ? AND version_added < 0`, repo).Error
}

// deleted runs a statement that returns the types of the rows that it deletes, and counts them.
func deleted(tx *db.Tx, sql string, args ...any) (map[string]int64, error) {
	var types []string
	err := tx.Raw(sql, args...).Scan(&types).Error
	counts := map[string]int64{}
	for _, name := range types {
		counts[name]++
	}
	return counts, err
}

func at(tx *db.Tx, repositoryID string, number int64) (*model.RepositoryVersion, error) {
	var v model.RepositoryVersion
	err := tx.Where("repository_id = ? AND number = ?", repositoryID, number).Take(&v).Error
	return &v, err
}

// recount changes the counts of a version.
func recount(tx *db.Tx, v *model.RepositoryVersion, change func(*model.Counts)) error {
	counts, err := v.ReadCounts()
	if err != nil {
		return err
	}
	change(&counts)
	return tx.Model(v).Update("counts", countsJSON(counts)).Error
}
