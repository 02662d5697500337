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
		query := `SELECT id, pulp_type FROM core_contents WHERE id IN ? AND domain_id = ? ORDER BY pulp_type, id`
		if w.tx.Dialect() == db.Postgres {
			query += " FOR KEY SHARE" // what is about to become a member is no orphan any more
		}
		if err := w.tx.Raw(query, chunk, w.repo.DomainID).Scan(&rows).Error; err != nil {
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
	var places []struct {
		Place  string
		Holder *string
	}
	// The holder stands in the SELECT list, where each is one index step, whatever the planner knows of the table.
	err := w.tx.Raw(`SELECT d.`+a.Key+` AS place, (SELECT m.content_id FROM core_repository_contents m
			WHERE m.repository_id = ? AND m.pulp_type = ? AND m.repo_key = d.`+a.Key+` AND m.repo_key <> '' AND m.version_removed IS NULL) AS holder
		FROM `+a.Table+` d WHERE d.id IN ?`, w.repo.ID, a.PulpType, a.ids).Scan(&places).Error
	if err != nil {
		return err
	}
	if len(places) != len(a.ids) {
		return errs.New(errs.Internal, "%s has only %d of %d units of type %s; restore the database from a backup", a.Table, len(places), len(a.ids), a.PulpType)
	}
	var others []string
	for _, p := range places {
		if p.Holder == nil || slices.Contains(a.ids, *p.Holder) {
			continue
		}
		if keep {
			return errs.Coded(errs.Conflict, "PLP0023", "the repository has another unit at %q; remove it first or allow overwrite", p.Place)
		}
		others = append(others, *p.Holder)
	}
	if len(others) == 0 {
		return nil
	}
	return w.remove(others)
}

// reopen takes back that this commit closed a unit.
func (w *commit) reopen(a addition) error {
	return w.exec(`UPDATE core_repository_contents SET version_removed = NULL WHERE repository_id = ? AND content_id IN ? AND version_removed = ?`, w.repo.ID, a.ids, w.number)
}

// insert adds the units that are no members, as the unique index of members tells. A key that is taken fails.
func (w *commit) insert(a addition) error {
	table, key := "core_contents", "''"
	if a.Key != "" {
		table, key = a.Table, "d."+a.Key
	}
	return w.exec(`INSERT INTO core_repository_contents (repository_id, content_id, version_added, pulp_type, repo_key, added_at)
		SELECT '`+w.repo.ID+`', d.id, `+decimal(w.number)+`, '`+a.PulpType+`', `+key+`, `+w.now()+` FROM `+table+` d WHERE d.id IN ?
		ON CONFLICT (repository_id, content_id) WHERE version_removed IS NULL DO NOTHING`, model.Now(), a.ids)
}

func duplicateKey(err error) error {
	if _, duplicate := db.Duplicate(err); duplicate {
		return errs.Coded(errs.Conflict, "PLP0022", "two of the units have the same place in the repository; add one of them: %w", err)
	}
	return err
}
