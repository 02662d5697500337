package repository

import (
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// Delta is what a new version changes. Removal happens before addition.
type Delta struct {
	// Base is the version to start from; nil is the newest. It may belong to another repository.
	Base *model.RepositoryVersion
	// RemoveAll empties the version first.
	RemoveAll bool
	// Remove and Add are identities of content. What is not there is not removed, what is there is not added again.
	Remove, Add []string
	// KeepExisting refuses to displace a unit by another one with the same key.
	KeepExisting bool
}

// batch bounds the identities in one statement.
const batch = 500

// commit is one commit under way: the transaction holds the lock on the repository row.
type commit struct {
	*Committer
	tx     *db.Tx
	repo   model.Repository
	latest *model.RepositoryVersion
	number int64
}

// Commit lays a delta over the newest version of a repository. It gives the new version, or nil when the delta changes
// nothing. Versions beyond retain_repo_versions are deleted in the same transaction.
func (c *Committer) Commit(tx *db.Tx, repositoryID string, d Delta) (*model.RepositoryVersion, error) {
	if err := tx.LockRow("core_repositories", repositoryID); err != nil {
		return nil, err
	}
	work := &commit{Committer: c, tx: tx}
	if err := tx.Where("id = ?", repositoryID).Take(&work.repo).Error; err != nil {
		return nil, err
	}
	var err error
	if work.latest, err = Latest(tx, repositoryID); err != nil {
		return nil, err
	}
	work.number = work.repo.NextVersion
	if err := work.apply(d); err != nil {
		return nil, err
	}
	return work.finish(d.Base)
}

func (w *commit) apply(d Delta) error {
	if d.Base != nil {
		if err := w.rebase(d.Base); err != nil {
			return err
		}
	}
	if d.RemoveAll {
		if err := w.removeAll(); err != nil {
			return err
		}
	}
	for ids := range slices.Chunk(d.Remove, batch) {
		if err := w.remove(ids); err != nil {
			return err
		}
	}
	for ids := range slices.Chunk(d.Add, batch) {
		if err := w.add(ids, d.KeepExisting); err != nil {
			return err
		}
	}
	return w.checkPaths()
}

func (w *commit) exec(sql string, args ...any) error { return w.tx.Exec(sql, args...).Error }

// rebase makes the content that of the base: within one repository by what changed since, across repositories by set.
func (w *commit) rebase(base *model.RepositoryVersion) error {
	if base.RepositoryID != w.repo.ID {
		return w.adopt(base)
	}
	err := w.exec(`UPDATE core_repository_contents SET version_removed = ?
		WHERE repository_id = ? AND version_added > ? AND version_removed IS NULL AND NOT EXISTS (
			SELECT 1 FROM core_repository_contents b WHERE b.repository_id = core_repository_contents.repository_id
			AND b.content_id = core_repository_contents.content_id AND b.version_added <= ? AND b.version_removed > ?)`,
		w.number, w.repo.ID, base.Number, base.Number, base.Number)
	if err != nil {
		return err
	}
	return w.exec(`INSERT INTO core_repository_contents (repository_id, content_id, version_added, pulp_type, repo_key, added_at)
		SELECT repository_id, content_id, `+decimal(w.number)+`, pulp_type, repo_key, `+w.now()+` FROM core_repository_contents old
		WHERE old.repository_id = ? AND old.version_removed > ? AND old.version_added <= ? AND NOT EXISTS (
			SELECT 1 FROM core_repository_contents live WHERE live.repository_id = old.repository_id
			AND live.content_id = old.content_id AND live.version_removed IS NULL)`,
		model.Now(), w.repo.ID, base.Number, base.Number)
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

// now is a placeholder for a time with the type that PostgreSQL cannot infer in a SELECT list.
func (w *commit) now() string {
	if w.tx.Dialect() == db.Postgres {
		return "CAST(? AS timestamptz)"
	}
	return "?"
}

func (w *commit) removeAll() error {
	if err := w.exec(`DELETE FROM core_repository_contents WHERE repository_id = ? AND version_added = ?`, w.repo.ID, w.number); err != nil {
		return err
	}
	return w.exec(`UPDATE core_repository_contents SET version_removed = ? WHERE repository_id = ? AND version_removed IS NULL`, w.number, w.repo.ID)
}

func (w *commit) remove(ids []string) error {
	err := w.exec(`DELETE FROM core_repository_contents WHERE repository_id = ? AND version_added = ? AND content_id IN ?`, w.repo.ID, w.number, ids)
	if err != nil {
		return err
	}
	return w.exec(`UPDATE core_repository_contents SET version_removed = ? WHERE repository_id = ? AND content_id IN ? AND version_removed IS NULL`, w.number, w.repo.ID, ids)
}

// add makes content a member: it reopens what this commit closed, displaces older units of the same key, and inserts.
func (w *commit) add(ids []string, keep bool) error {
	groups, err := w.byType(ids)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := w.displace(g, keep); err != nil {
			return err
		}
		if err := w.exec(`UPDATE core_repository_contents SET version_removed = NULL WHERE repository_id = ? AND content_id IN ? AND version_removed = ? AND version_added < ?`,
			w.repo.ID, g.ids, w.number, w.number); err != nil {
			return duplicateKey(err)
		}
		if err := w.insert(g); err != nil {
			return duplicateKey(err)
		}
	}
	return nil
}

type typed struct {
	ContentType
	ids []string
}

func (w *commit) byType(ids []string) ([]typed, error) {
	var rows []struct{ ID, PulpType string }
	if err := w.tx.Raw(`SELECT id, pulp_type FROM core_contents WHERE id IN ?`, ids).Scan(&rows).Error; err != nil {
		return nil, err
	}
	groups := map[string]*typed{}
	var order []string
	for _, row := range rows {
		g, seen := groups[row.PulpType]
		if !seen {
			t, known := w.types[row.PulpType]
			if !known {
				return nil, errs.Coded(errs.Unavailable, "PLP0002", "no plugin that knows content of type %s is enabled here", row.PulpType)
			}
			g = &typed{ContentType: t}
			groups[row.PulpType], order = g, append(order, row.PulpType)
		}
		g.ids = append(g.ids, row.ID)
	}
	out := make([]typed, 0, len(order))
	for _, name := range order {
		out = append(out, *groups[name])
	}
	return out, nil
}

// displace closes the units of older versions whose key one of the new ones has.
func (w *commit) displace(g typed, keep bool) error {
	if g.Key == "" {
		return nil
	}
	displaced := w.tx.Table("core_repository_contents").
		Where(`repository_id = ? AND pulp_type = ? AND version_removed IS NULL AND version_added < ? AND content_id NOT IN ?
			AND repo_key IN (SELECT `+g.Key+` FROM `+g.Table+` WHERE id IN ?)`, w.repo.ID, g.PulpType, w.number, g.ids, g.ids)
	if keep {
		var key string
		if err := displaced.Limit(1).Pluck("repo_key", &key).Error; err != nil {
			return err
		}
		if key != "" {
			return errs.Coded(errs.Conflict, "PLP0023", "the repository has another unit at %q; remove it first or allow overwrite", key)
		}
		return nil
	}
	return displaced.Update("version_removed", w.number).Error
}

func (w *commit) insert(g typed) error {
	key := "''"
	if g.Key != "" {
		key = "d." + g.Key
	}
	return w.exec(`INSERT INTO core_repository_contents (repository_id, content_id, version_added, pulp_type, repo_key, added_at)
		SELECT '`+w.repo.ID+`', d.id, `+decimal(w.number)+`, '`+g.PulpType+`', `+key+`, `+w.now()+` FROM `+g.Table+` d WHERE d.id IN ?
		AND NOT EXISTS (SELECT 1 FROM core_repository_contents live WHERE live.repository_id = ? AND live.content_id = d.id AND live.version_removed IS NULL)`,
		model.Now(), g.ids, w.repo.ID)
}

func duplicateKey(err error) error {
	if _, duplicate := db.Duplicate(err); duplicate {
		return errs.Coded(errs.Conflict, "PLP0022", "two of the units have the same place in the repository; add one of them: %w", err)
	}
	return err
}
