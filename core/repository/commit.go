package repository

import (
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
)

// Delta is what a new version changes. Removal happens before addition.
type Delta struct {
	// Base is the version to start from; nil is the newest. It may belong to another repository of the domain.
	Base *model.RepositoryVersion
	// RemoveAll empties the version first.
	RemoveAll bool
	// Remove and Add are identities of content. What is not there is not removed, what is there is not added again.
	Remove, Add []string
	// KeepExisting refuses to displace a unit by another one with the same key.
	KeepExisting bool
	// Staged is the task whose staged units are added last (see Stage); they displace others with the same key. With
	// Mirror everything else leaves the version.
	Staged string
	Mirror bool
}

// batch bounds the identities in one statement.
const batch = 500

// commit is one commit under way: the transaction holds the lock on the repository row.
//
// Its statements name only what one index answers, and what is left to filter is filtered here: a planner without
// statistics takes "version_removed IS NULL" for rare, and would read all members of a repository for one unit.
type commit struct {
	*Committer
	tx     *db.Tx
	repo   model.Repository
	latest *model.RepositoryVersion
	number int64
}

// Commit lays a delta over the newest version of a repository. It gives the new version, or nil when the delta changes
// nothing. Versions beyond retain_repo_versions are deleted in the same transaction. Two units with one key are
// PLP0022, a displaced unit under KeepExisting is PLP0023, and content or a base that is gone is errs.NotFound.
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
	if err := w.add(d.Add, d.KeepExisting); err != nil {
		return err
	}
	if d.Staged != "" {
		if err := w.addStaged(d.Staged, d.Mirror); err != nil {
			return err
		}
	}
	return w.checkPaths()
}

func (w *commit) exec(sql string, args ...any) error { return w.tx.Exec(sql, args...).Error }

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

// now is a placeholder for a time with the type that PostgreSQL cannot infer in a SELECT list.
func (w *commit) now() string {
	if w.tx.Dialect() == db.Postgres {
		return "CAST(? AS timestamptz)"
	}
	return "?"
}
