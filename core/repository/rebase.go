package repository

import (
	"slices"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// rebase makes the content that of the base: within one repository by what changed since, across repositories by set.
func (w *commit) rebase(base *model.RepositoryVersion) error {
	// The lock keeps the base until this commit refers to it; it may have been deleted since somebody looked it up.
	err := w.tx.LockRow("core_repository_versions", base.ID)
	if errs.Is(err, errs.NotFound) || err == nil && base.DomainID != w.repo.DomainID {
		return errs.New(errs.NotFound, "the base version does not exist any more; choose another one")
	}
	if err != nil {
		return err
	}
	if base.RepositoryID != w.repo.ID {
		return w.adopt(base)
	}
	return w.rollBack(base.Number)
}

// rollBack undoes what this repository's versions after number did.
func (w *commit) rollBack(number int64) error {
	came, err := w.changed("version_added > ?", number)
	if err != nil {
		return err
	}
	went, err := w.changed("version_removed > ?", number)
	if err != nil {
		return err
	}
	live, back := map[string]bool{}, map[string]bool{}
	for _, row := range came {
		live[row.ContentID] = live[row.ContentID] || row.VersionRemoved == nil
	}
	for _, row := range went {
		back[row.ContentID] = back[row.ContentID] || row.VersionAdded <= number
	}
	for ids := range slices.Chunk(without(live, back), batch) {
		if err := w.remove(ids); err != nil {
			return err
		}
	}
	for ids := range slices.Chunk(without(back, live), batch) {
		if err := w.restore(ids, number); err != nil {
			return err
		}
	}
	return nil
}

func (w *commit) changed(when string, number int64) (rows []model.Membership, err error) {
	err = w.tx.Raw(`SELECT content_id, version_added, version_removed FROM core_repository_contents WHERE repository_id = ? AND `+when, w.repo.ID, number).Scan(&rows).Error
	return rows, err
}

// without lists what is true in a and not in b, in order.
func without(a, b map[string]bool) []string {
	var ids []string
	for id, is := range a {
		if is && !b[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// restore adds units as they were in an earlier version.
func (w *commit) restore(ids []string, number int64) error {
	return w.exec(`INSERT INTO core_repository_contents (repository_id, content_id, version_added, pulp_type, repo_key, added_at)
		SELECT repository_id, content_id, `+decimal(w.number)+`, pulp_type, repo_key, `+w.now()+` FROM core_repository_contents old
		WHERE old.repository_id = ? AND old.content_id IN ? AND old.version_added <= ? AND old.version_removed > ?`,
		model.Now(), w.repo.ID, ids, number, number)
}

// adopt takes over the content of another repository's version.
func (w *commit) adopt(base *model.RepositoryVersion) error {
	const member = `b.repository_id = ? AND b.version_added <= ? AND (b.version_removed IS NULL OR b.version_removed > ?)`
	err := w.exec(`UPDATE core_repository_contents SET version_removed = ?
		WHERE repository_id = ? AND version_removed IS NULL AND NOT EXISTS (SELECT 1 FROM core_repository_contents b
			WHERE b.content_id = core_repository_contents.content_id AND `+member+`)`,
		w.number, w.repo.ID, base.RepositoryID, base.Number, base.Number)
	if err != nil {
		return err
	}
	return w.exec(`INSERT INTO core_repository_contents (repository_id, content_id, version_added, pulp_type, repo_key, added_at)
		SELECT '`+w.repo.ID+`', content_id, `+decimal(w.number)+`, pulp_type, repo_key, `+w.now()+` FROM core_repository_contents b
		WHERE `+member+` AND NOT EXISTS (SELECT 1 FROM core_repository_contents live
			WHERE live.repository_id = ? AND live.content_id = b.content_id AND live.version_removed IS NULL)`,
		model.Now(), base.RepositoryID, base.Number, base.Number, w.repo.ID)
}
