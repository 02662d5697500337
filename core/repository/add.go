package repository

import (
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// addition is a batch of content of one type that is to become members.
type addition struct {
	ContentType
	ids []string
}

// add makes content members. First it displaces units of the same keys, for all batches, and then it reopens what this
// commit closed and inserts the rest: two units with one key in one delta meet in the unique index, whatever batch they
// are in.
func (w *commit) add(ids []string, keep bool) error {
	batches, err := w.additions(ids)
	if err != nil {
		return err
	}
	for _, a := range batches {
		if err := w.displace(a, keep); err != nil {
			return err
		}
	}
	for _, a := range batches {
		if err := w.reopen(a); err != nil {
			return duplicateKey(err)
		}
		if err := w.insert(a); err != nil {
			return duplicateKey(err)
		}
	}
	return nil
}

// additions sorts content by type. All of it must be there, in the repository's domain, and of a known type.
func (w *commit) additions(ids []string) ([]addition, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var all []addition
	for chunk := range slices.Chunk(ids, batch) {
		var rows []struct{ ID, PulpType string }
		if err := w.tx.Raw(`SELECT id, pulp_type FROM core_contents WHERE id IN ? AND domain_id = ? ORDER BY pulp_type, id`, chunk, w.repo.DomainID).Scan(&rows).Error; err != nil {
			return nil, err
		}
		if len(rows) < len(chunk) {
			return nil, errs.New(errs.NotFound, "%d of the units to add do not exist any more; look for them again and leave out what is gone", len(chunk)-len(rows))
		}
		for i, row := range rows {
			if i == 0 || row.PulpType != rows[i-1].PulpType {
				t, known := w.types[row.PulpType]
				if !known {
					return nil, errs.Coded(errs.Unavailable, "PLP0002", "no plugin that knows content of type %s is enabled here", row.PulpType)
				}
				all = append(all, addition{ContentType: t})
			}
			last := &all[len(all)-1]
			last.ids = append(last.ids, row.ID)
		}
	}
	return all, nil
}

// displace takes out other units whose key one of the new ones has: those of older versions, and those of the base.
func (w *commit) displace(a addition, keep bool) error {
	if a.Key == "" {
		return nil
	}
	var keys []string
	if err := w.tx.Table(a.Table).Where("id IN ?", a.ids).Pluck(a.Key, &keys).Error; err != nil {
		return err
	}
	var others []struct{ ContentID, RepoKey string }
	err := w.tx.Raw(`SELECT content_id, repo_key FROM core_repository_contents WHERE repository_id = ? AND pulp_type = ? AND repo_key IN ? AND repo_key <> ''
		AND version_removed IS NULL AND content_id NOT IN ?`, w.repo.ID, a.PulpType, keys, a.ids).Scan(&others).Error
	if err != nil || len(others) == 0 {
		return err
	}
	if keep {
		return errs.Coded(errs.Conflict, "PLP0023", "the repository has another unit at %q; remove it first or allow overwrite", others[0].RepoKey)
	}
	ids := make([]string, len(others))
	for i, other := range others {
		ids[i] = other.ContentID
	}
	return w.remove(ids)
}

// reopen takes back that this commit closed a unit.
func (w *commit) reopen(a addition) error {
	return w.exec(`UPDATE core_repository_contents SET version_removed = NULL WHERE repository_id = ? AND content_id IN ? AND version_removed = ?`, w.repo.ID, a.ids, w.number)
}

// insert adds the units that are no members.
func (w *commit) insert(a addition) error {
	var live []string
	err := w.tx.Raw(`SELECT content_id FROM core_repository_contents WHERE repository_id = ? AND content_id IN ? AND version_removed IS NULL`, w.repo.ID, a.ids).Scan(&live).Error
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(a.ids), func(id string) bool { return slices.Contains(live, id) })
	if len(missing) == 0 {
		return nil
	}
	key := "''"
	if a.Key != "" {
		key = "d." + a.Key
	}
	done := w.tx.Exec(`INSERT INTO core_repository_contents (repository_id, content_id, version_added, pulp_type, repo_key, added_at)
		SELECT '`+w.repo.ID+`', d.id, `+decimal(w.number)+`, '`+a.PulpType+`', `+key+`, `+w.now()+` FROM `+a.Table+` d WHERE d.id IN ?`, model.Now(), missing)
	if done.Error == nil && done.RowsAffected != int64(len(missing)) {
		return errs.New(errs.Internal, "%s has only %d of %d units of type %s; restore the database from a backup", a.Table, done.RowsAffected, len(missing), a.PulpType)
	}
	return done.Error
}

func duplicateKey(err error) error {
	if _, duplicate := db.Duplicate(err); duplicate {
		return errs.Coded(errs.Conflict, "PLP0022", "two of the units have the same place in the repository; add one of them: %w", err)
	}
	return err
}
