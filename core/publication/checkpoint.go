package publication

import (
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// RetainCheckpoints lets the newest keep checkpoints of a repository be checkpoints; older ones stay publications like
// any other. Nil keeps all. The transaction holds the repository afterwards, so of several that add a checkpoint at
// once the last one sees them all.
func RetainCheckpoints(tx *db.Tx, repositoryID string, keep *int64) error {
	if keep == nil {
		return nil
	}
	if err := tx.LockRow("core_repositories", repositoryID); err != nil {
		return err
	}
	var newest []string
	checkpoints := tx.Model(&model.Publication{}).Where("repository_id = ? AND complete AND checkpoint", repositoryID)
	err := checkpoints.Order("id DESC").Offset(int(*keep)-1).Limit(1).Pluck("id", &newest).Error
	if err != nil || len(newest) == 0 {
		return err
	}
	return tx.Model(&model.Publication{}).Where("repository_id = ? AND complete AND checkpoint AND id < ?", repositoryID, newest[0]).
		Updates(map[string]any{"checkpoint": false, "pulp_last_updated": model.Now()}).Error
}

// reserve holds the repository of a new checkpoint before anything of the publication is changed: whoever deletes
// versions takes repository and publications in this order.
func reserve(tx *db.Tx, p *model.Publication) error {
	if !p.Checkpoint {
		return nil
	}
	if err := tx.LockRow("core_repositories", p.RepositoryID); err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	return nil // of a repository that is gone, the publication is too
}

// retain applies the repository's retain_checkpoints to a new checkpoint.
func retain(tx *db.Tx, p *model.Publication) error {
	if !p.Checkpoint {
		return nil
	}
	var r model.Repository
	if err := tx.Select("retain_checkpoints").Where("id = ?", p.RepositoryID).Take(&r).Error; err != nil {
		return err
	}
	return RetainCheckpoints(tx, p.RepositoryID, r.RetainCheckpoints)
}
