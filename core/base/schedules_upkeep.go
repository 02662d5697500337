package base

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// cleanUploads is the task that removes uploads, in all domains, that nobody sent anything to for a while.
type cleanUploads struct {
	Minutes int64 `json:"minutes"`
}

// Kind is the task's name.
func (cleanUploads) Kind() string { return "pulpcore.app.tasks.orphan.upload_cleanup" }

// Locks let one at a time through.
func (cleanUploads) Locks() task.Locks { return task.Exclusive("upkeep:uploads") }

// Scheduled tells what is wrong with arguments that a person wrote.
func (a cleanUploads) Scheduled(string) (task.Args, error) { return a, checkMinutes(a.Minutes) }

// cleanTemporary is the task that removes bytes, in the storages of all domains, that no row leads to.
type cleanTemporary struct {
	Minutes int64 `json:"minutes"`
}

// Kind is the task's name.
func (cleanTemporary) Kind() string { return "pulpcore.app.tasks.orphan.tmpfile_cleanup" }

// Locks let one at a time through.
func (cleanTemporary) Locks() task.Locks { return task.Exclusive("upkeep:temporary files") }

// Scheduled tells what is wrong with arguments that a person wrote.
func (a cleanTemporary) Scheduled(string) (task.Args, error) { return a, checkMinutes(a.Minutes) }

func upkeepHandlers(env *resource.Env) []task.Handler {
	traits := []task.Trait{task.Long(), task.WithPriority(task.Low), task.Schedulable()} // nobody waits for upkeep
	return []task.Handler{
		task.Handle(func(ctx context.Context, run *task.Run, a cleanUploads) (any, error) {
			return nil, removeUploads(ctx, run, env, ago(a.Minutes))
		}, traits...),
		task.Handle(func(ctx context.Context, run *task.Run, a cleanTemporary) (any, error) {
			return nil, removeTemporary(ctx, run, env, ago(a.Minutes))
		}, traits...),
		task.Handle(func(ctx context.Context, run *task.Run, a everywhere) (any, error) {
			return nil, runEverywhere(ctx, run, env, a)
		}, traits...),
	}
}

// ago is the moment so many minutes before now; more than a hundred years are a hundred years.
func ago(minutes int64) time.Time {
	const century = 100 * 366 * 24 * 60 // the longest time that may be asked for would overflow a time.Duration
	return model.Now().Add(-time.Duration(min(minutes, century)) * time.Minute)
}

// staleUpload holds for an upload u that nobody sent anything to since a moment and that no task is going to use.
const staleUpload = `u.pulp_last_updated < ? AND NOT EXISTS (SELECT 1 FROM core_task_locks l WHERE l.resource = 'prn:core.upload:' || CAST(u.id AS text))`

func removeUploads(ctx context.Context, run *task.Run, env *resource.Env, before time.Time) error {
	progress, err := run.Progress(ctx, "clean-up.uploads", "Unfinished uploads removed", nil, "")
	if err != nil {
		return err
	}
	removed := int64(0)
	for last := ""; ; {
		var page []model.Upload
		query := run.DB().Read(ctx).Table("core_uploads u").Where(staleUpload, before)
		if last != "" {
			query = query.Where("u.id > ?", last)
		}
		if err := query.Order("u.id").Limit(cleanBatch).Find(&page).Error; err != nil {
			return fmt.Errorf("look for unfinished uploads: %w", err)
		}
		if len(page) == 0 {
			progress.Finish(removed)
			return nil
		}
		for i := range page {
			gone, err := removeUpload(ctx, run, env, &page[i], before)
			if err != nil {
				return err
			}
			if gone {
				removed++
				progress.Add(1)
			}
		}
		last = page[len(page)-1].ID
	}
}

// removeUpload removes one with its chunks, unless somebody has begun to use it meanwhile.
func removeUpload(ctx context.Context, run *task.Run, env *resource.Env, u *model.Upload, before time.Time) (gone bool, err error) {
	err = run.InTx(ctx, func(tx *db.Tx) error {
		gone = false
		if err := tx.LockRow("core_uploads", u.ID); err != nil {
			return err
		}
		var still int64
		if err := tx.Table("core_uploads u").Where("u.id = ? AND "+staleUpload, u.ID, before).Count(&still).Error; err != nil || still == 0 {
			return err
		}
		store, err := env.Artifacts.Within(tx, u.DomainID)
		if err != nil {
			return err
		}
		if err := store.DeleteUpload(tx, u.ID); err != nil {
			return err
		}
		gone = true
		return auth.ForgetObject(tx, auth.Object{Model: "core.upload", ID: u.ID})
	})
	if errs.Is(err, errs.NotFound) {
		return false, nil // its own request was faster
	}
	if err != nil {
		return false, fmt.Errorf("remove an unfinished upload: %w", err)
	}
	return gone, nil
}

// removeTemporary looks at one storage after the other. One that cannot be reached does not
// keep the others from being cleaned. What
// is younger than a day stays in any case: somebody may be writing it.
func removeTemporary(ctx context.Context, run *task.Run, env *resource.Env, before time.Time) error {
	if youngest := model.Now().Add(-strayAge); before.After(youngest) {
		before = youngest
	}
	domains, err := allDomains(ctx, run)
	if err != nil {
		return err
	}
	var faults []error
	for _, domain := range domains {
		c, err := newCleaner(ctx, env, run, domain, before)
		if err == nil {
			err = c.strays(ctx, before)
		}
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil && !errs.Is(err, errs.NotFound) { // a domain that is deleted meanwhile has nothing left
			faults = append(faults, fmt.Errorf("clean the storage of the domain %s: %w", domain, err))
		}
	}
	return errors.Join(faults...)
}

var (
	_ task.ForSchedule = cleanUploads{}
	_ task.ForSchedule = cleanTemporary{}
)
