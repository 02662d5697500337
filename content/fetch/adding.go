package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/task"
)

// haveAdded has a unit added to the repository of a distribution; waiting is false when that has it, or takes no such units.
func (f *Fetcher) haveAdded(ctx context.Context, tx *db.Tx, d *model.Distribution, unit string) (waiting bool, err error) {
	var members []int
	err = tx.Raw("SELECT 1 FROM core_repository_contents WHERE repository_id = ? AND content_id = ? AND version_removed IS NULL LIMIT 1", *d.RepositoryID, unit).
		Scan(&members).Error
	if err != nil || len(members) > 0 {
		return false, err
	}
	return f.dispatchAdding(ctx, tx, d.DomainID, *d.RepositoryID)
}

// dispatchAdding makes sure that a task is going to add what waits for a repository. The row that it locks is taken away by
// the task before that looks what there is: so one that waits sees what this transaction brings.
func (f *Fetcher) dispatchAdding(ctx context.Context, tx *db.Tx, domain, id string) (waiting bool, err error) {
	var types []string
	if err := tx.Table("core_repositories").Where("id = ?", id).Pluck("pulp_type", &types).Error; err != nil || len(types) == 0 {
		return false, err
	}
	kind, takes := f.Repositories[types[0]]
	if !takes {
		return false, nil
	}
	if f.Tasks == nil {
		return false, errs.New(errs.Internal, "nothing dispatches the tasks that add what is pulled through")
	}
	for locked := false; !locked; {
		if err := tx.Exec("INSERT INTO core_pull_tasks (repository_id) VALUES (?) ON CONFLICT (repository_id) DO NOTHING", id).Error; err != nil {
			return false, err
		}
		done := tx.Exec("UPDATE core_pull_tasks SET task_id = task_id WHERE repository_id = ?", id)
		if done.Error != nil {
			return false, done.Error
		}
		locked = done.RowsAffected > 0 // the task may have taken it away in between
	}
	var live []string
	err = tx.Raw("SELECT t.id FROM core_pull_tasks p JOIN core_tasks t ON t.id = p.task_id WHERE p.repository_id = ? AND t.state IN ?",
		id, []task.State{task.Waiting, task.Running}).Scan(&live).Error
	if err != nil || len(live) > 0 {
		return true, err
	}
	row, err := f.Tasks.Dispatch(task.WithOrigin(ctx, task.Origin{DomainID: domain}), tx,
		repository.AddPulled{Repository: id, RepositoryPRN: ident.PRN(kind.Model, id), KindPath: kind.KindPath})
	if err != nil {
		return false, fmt.Errorf("have what was pulled through added to its repository: %w", err)
	}
	return true, tx.Exec("UPDATE core_pull_tasks SET task_id = ? WHERE repository_id = ?", row.ID, id).Error
}

// sweepEvery is how often it is looked whether something waits that nobody is going to add: its task was canceled, or failed.
const sweepEvery = 5 * time.Minute

// Upkeep begins to look after what was pulled through, until stop.
func (f *Fetcher) Upkeep(ctx context.Context) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		again := time.NewTicker(sweepEvery)
		defer again.Stop()
		for {
			if err := f.Sweep(ctx); err != nil && ctx.Err() == nil {
				f.Log.Warn("what was pulled through could not be looked after", slog.Any("error", err))
			}
			select {
			case <-ctx.Done():
				return
			case <-again.C:
			}
		}
	}()
	return func() { end(); <-done }
}

// Sweep has added what waits and has no task, and forgets what does not count any more.
func (f *Fetcher) Sweep(ctx context.Context) error {
	var repositories []struct{ ID, DomainID string }
	err := f.DB.Read(ctx).Raw(`SELECT DISTINCT d.repository_id AS id, d.domain_id FROM core_pulls p JOIN core_distributions d ON d.id = p.distribution_id AND d.remote_id = p.remote_id
		WHERE p.waiting AND d.repository_id IS NOT NULL`).Scan(&repositories).Error
	if err != nil {
		return err
	}
	var failed []error // one repository must not keep the others waiting
	for _, r := range repositories {
		err := f.DB.InTx(ctx, func(tx *db.Tx) error {
			_, err := f.dispatchAdding(ctx, tx, r.DomainID, r.ID)
			return err
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("repository %s: %w", r.ID, err))
		}
	}
	err = f.DB.InTx(ctx, func(tx *db.Tx) error {
		err := tx.Exec("DELETE FROM core_pull_tasks WHERE NOT EXISTS (SELECT 1 FROM core_tasks t WHERE t.id = core_pull_tasks.task_id AND t.state IN ?)",
			[]task.State{task.Waiting, task.Running}).Error
		if err != nil {
			return err
		}
		return f.forgetAbsent(tx)
	})
	return errors.Join(append(failed, err)...)
}
