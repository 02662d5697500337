package repository

import (
	"context"
	"log/slog"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// AddPulled is the task that adds to a repository what distributions of it have pulled through from their remotes: all that
// is waiting, however many asked for it.
type AddPulled struct {
	Repository    string `json:"repository"`
	RepositoryPRN string `json:"repository_prn"`
	KindPath      string `json:"kind_path"`
}

// Kind is the task's name.
func (AddPulled) Kind() string { return "packhouse.repository.add_pulled" }

// Locks hold the repository.
func (a AddPulled) Locks() task.Locks { return task.Exclusive(a.RepositoryPRN) }

// pulledAtOnce bounds what one version adds.
const pulledAtOnce = 2000

// pulled is a unit that waits to be added.
type pulled struct{ DistributionID, Path, ContentID string }

// adding is one run of the task.
type adding struct {
	*Committer
	run  *task.Run
	args AddPulled
	then AfterVersion
}

func (c *Committer) addPulled(after func(kindPath string) AfterVersion) task.Handler {
	return task.Handle(func(ctx context.Context, run *task.Run, a AddPulled) (any, error) {
		w := &adding{Committer: c, run: run, args: a, then: after(a.KindPath)}
		// Before anything is looked at: what comes from now on dispatches a task of its own.
		err := run.InTx(ctx, func(tx *db.Tx) error {
			return tx.Exec("DELETE FROM core_pull_tasks WHERE repository_id = ?", a.Repository).Error
		})
		for err == nil {
			var batch []pulled
			if batch, err = w.waiting(ctx); err != nil || len(batch) == 0 {
				break
			}
			err = w.add(ctx, batch)
		}
		return nil, err
	})
}

// waiting gives what is to be added, the oldest first: of two units with one place in the repository the newer one stays.
func (w *adding) waiting(ctx context.Context) (batch []pulled, err error) {
	err = w.run.DB().Read(ctx).Raw(`SELECT p.distribution_id, p.path, p.content_id FROM core_pulls p
		JOIN core_distributions d ON d.id = p.distribution_id AND d.remote_id = p.remote_id
		WHERE p.waiting AND p.content_id IS NOT NULL AND d.repository_id = ? AND d.domain_id = ? ORDER BY p.pulled_at, p.content_id LIMIT ?`,
		w.args.Repository, w.run.Domain, pulledAtOnce).Scan(&batch).Error
	return batch, err
}

// add makes a version of a batch. Where the units do not go together, or with what the repository has, it tries the halves:
// so all are added that can be, and the others are left out.
func (w *adding) add(ctx context.Context, batch []pulled) error {
	var made *model.RepositoryVersion
	err := w.run.InTx(ctx, func(tx *db.Tx) (err error) {
		if made, err = w.CommitInTask(tx, w.run, w.args.KindPath, w.args.Repository, Delta{Add: contents(batch)}); err != nil {
			return err
		}
		return settle(tx, batch, false)
	})
	switch {
	case err == nil:
		if made != nil && w.then != nil {
			return w.then(ctx, w.run, made)
		}
		return nil
	case !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.NotFound):
		return err
	case len(batch) == 1:
		w.run.Log().LogAttrs(ctx, slog.LevelWarn, "a unit that was pulled through cannot be added to the repository", slog.String("path", batch[0].Path),
			slog.String("content", batch[0].ContentID), slog.Any("error", err))
		return w.run.InTx(ctx, func(tx *db.Tx) error { return settle(tx, batch, true) })
	}
	half := len(batch) / 2
	if err := w.add(ctx, batch[:half]); err != nil {
		return err
	}
	return w.add(ctx, batch[half:])
}

func contents(batch []pulled) []string {
	ids := make([]string, len(batch))
	for i, p := range batch {
		ids[i] = p.ContentID
	}
	return ids
}

// settle notes what became of units. One that has another unit by now goes on waiting.
func settle(tx *db.Tx, batch []pulled, refused bool) error {
	for _, p := range batch {
		err := tx.Exec("UPDATE core_pulls SET waiting = FALSE, refused = ? WHERE distribution_id = ? AND path = ? AND content_id = ?",
			refused, p.DistributionID, p.Path, p.ContentID).Error
		if err != nil {
			return err
		}
	}
	return nil
}
