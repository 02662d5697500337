package base

import (
	"context"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// cleanOrphans is the task that removes content in no repository, artifacts of no content, and bytes of neither.
type cleanOrphans struct {
	Domain string `json:"domain"`
	// Minutes protect what somebody asked for lately.
	Minutes int64 `json:"minutes"`
	// Only limits the content that may go; nil is all.
	Only []string `json:"only,omitempty"`
}

// Kind is the task's name.
func (cleanOrphans) Kind() string { return "pulpcore.app.tasks.orphan.orphan_cleanup" }

// Scheduled fills in the domain.
func (a cleanOrphans) Scheduled(domain string) (task.Args, error) {
	if a.Domain != "" && a.Domain != domain {
		return nil, errs.New(errs.Invalid, "leave out domain: a schedule works in its own")
	}
	a.Domain = domain
	return a, checkMinutes(a.Minutes)
}

// Locks let one clean-up at a time through. What others are about to refer to is kept by locks on its rows.
func (a cleanOrphans) Locks() task.Locks { return task.Exclusive("pdrn:" + a.Domain + ":orphans") }

type orphansBody struct {
	units   []resource.Object
	limited bool
	minutes *int64
}

// maxProtection is the longest orphan_protection_time in minutes.
const maxProtection = 1<<32 - 1

// CleanOrphans is the clean-up with its options.
func CleanOrphans() resource.Standalone {
	body := resource.Accepts[orphansBody]{Component: "OrphansCleanup", Fields: []resource.Field[orphansBody]{
		resource.References("content_hrefs", func(b *orphansBody) *[]resource.Object { return &b.units }, resource.Target{Family: "content"}).
			Check(func(b *orphansBody) error {
				b.limited = true
				if len(b.units) == 0 {
					return errs.New(errs.Invalid, "This list may not be empty.")
				}
				return nil
			}).Doc("Will delete specified content and associated Artifacts if they are orphans."),
		resource.NullInt("orphan_protection_time", 0, func(b *orphansBody) **int64 { return &b.minutes }).Unstored().
			Check(func(b *orphansBody) error {
				if b.minutes != nil && *b.minutes > maxProtection {
					return errs.New(errs.Invalid, "Ensure this value is less than or equal to %d.", int64(maxProtection))
				}
				return nil
			}).Doc("The time in minutes for how long content and artifacts are protected after they were last asked for; the default is a setting."),
	}}
	return resource.Standalone{
		ID: "orphans_cleanup_cleanup", Short: "cleanup", Method: "POST", Route: "orphans/cleanup/", Tag: "Orphans: Cleanup", Doc: "Remove content that is in no repository, and artifacts of no content.",
		Rule: auth.Permission("core.delete_orphans"), Body: body, Answers: resource.Accepted(),
		Handle: func(c *resource.Call) (*resource.Answer, error) {
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			if err := c.Input().AllExist("content_hrefs", b.units); err != nil {
				return nil, err
			}
			a := cleanOrphans{Domain: c.Domain, Minutes: protection(c.Env)}
			if b.minutes != nil {
				a.Minutes = *b.minutes
			}
			for _, o := range b.units {
				a.Only = append(a.Only, o.ID)
			}
			return c.Dispatch(a, nil)
		},
	}
}

// DeleteOrphans is the clean-up as an older way to ask for it.
func DeleteOrphans() resource.Standalone {
	return resource.Standalone{
		ID: "orphans_delete", Short: "delete", Method: "DELETE", Route: "orphans/", Tag: "Orphans", Doc: "Remove content that is in no repository, and artifacts of no content.",
		Rule: auth.Permission("core.delete_orphans"), Answers: resource.Accepted(),
		Handle: func(c *resource.Call) (*resource.Answer, error) {
			return c.Dispatch(cleanOrphans{Domain: c.Domain, Minutes: protection(c.Env)}, nil)
		},
	}
}

func protection(env *resource.Env) int64 { return int64(env.OrphanProtection / time.Minute) }

func orphanHandlers(env *resource.Env) []task.Handler {
	return []task.Handler{task.Handle(func(ctx context.Context, run *task.Run, a cleanOrphans) (any, error) {
		c, err := newCleaner(ctx, env, run, run.Domain, ago(a.Minutes))
		if err != nil {
			return nil, err
		}
		run.Log().Info("the clean-up begins", "protected_minutes", a.Minutes, "units_asked_for", len(a.Only))
		if err := c.contents(ctx, a.Only); err != nil {
			return nil, err
		}
		if err := c.artifacts(ctx); err != nil {
			return nil, err
		}
		if a.Only != nil {
			return nil, nil
		}
		return nil, c.strays(ctx, time.Now().Add(-strayAge))
	}, task.Long(), task.WithPriority(task.Low), task.Schedulable())} // upkeep that looks at all content
}

// cleanBatch bounds the rows that one transaction removes.
const cleanBatch = 1000

// cleaner is one clean-up under way.
//
// Nothing that is referred to may go, and others refer to content and artifacts at any moment. So a batch is chosen
// first, then its rows are locked (rows that somebody else holds, because he is about to refer to them, are passed by),
// and only then it is looked again, with all that is committed by now, which of them are orphans. Whoever comes later
// waits for the lock and finds the row gone, which tells him to store it anew.
type cleaner struct {
	*resource.Env
	run    *task.Run
	domain string
	store  *artifact.Store
	before time.Time
}

func newCleaner(ctx context.Context, env *resource.Env, run *task.Run, domain string, before time.Time) (*cleaner, error) {
	store, err := env.Artifacts.In(ctx, domain)
	return &cleaner{Env: env, run: run, domain: domain, store: store, before: before}, err
}

// notReferred holds for what no unfinished task is going to need; see task.Referrer.
const notReferred = `NOT EXISTS (SELECT 1 FROM core_task_references o WHERE o.object_id = c.id)`

// orphanContent holds for content c that nothing refers to: no version of any repository, no publication and no sync
// that is under way.
const orphanContent = notReferred + ` AND NOT EXISTS (SELECT 1 FROM core_repository_contents o WHERE o.content_id = c.id)
	AND NOT EXISTS (SELECT 1 FROM core_published_artifacts o WHERE o.content_id = c.id)`

// orphanArtifact holds for an artifact c that nothing refers to and that nobody may still want back.
const orphanArtifact = notReferred + ` AND NOT EXISTS (SELECT 1 FROM core_content_artifacts o WHERE o.artifact_id = c.id)
	AND NOT EXISTS (SELECT 1 FROM core_published_artifacts o WHERE o.artifact_id = c.id)
	AND NOT EXISTS (SELECT 1 FROM core_task_profiles o WHERE o.artifact_id = c.id)`

func (c *cleaner) contents(ctx context.Context, only []string) error {
	progress, err := c.run.Progress(ctx, "clean-up.content", "Orphaned Content units removed", nil, "")
	if err != nil {
		return err
	}
	next := c.candidates("core_contents", orphanContent)
	if only != nil {
		next = listed(only)
	}
	return c.each(ctx, progress, "content that nothing refers to was removed", next, func(ids []string) (n int64, err error) {
		err = c.run.InTx(ctx, func(tx *db.Tx) error {
			n, err = c.removeContents(tx, ids)
			return err
		})
		return n, err
	})
}

func (c *cleaner) removeContents(tx *db.Tx, ids []string) (int64, error) {
	mine, err := lockFree(tx, "core_contents", ids)
	if err != nil || len(mine) == 0 {
		return 0, err
	}
	var staged []string
	if err := tx.Raw("SELECT content_id FROM core_staged_contents WHERE content_id IN ?", mine).Scan(&staged).Error; err != nil {
		return 0, err
	}
	mine = slices.DeleteFunc(mine, func(id string) bool { return slices.Contains(staged, id) })
	if len(mine) == 0 {
		return 0, nil
	}
	done := tx.Exec("DELETE FROM core_contents AS c WHERE c.id IN ? AND c.domain_id = ? AND c.timestamp_of_interest < ? AND "+orphanContent, mine, c.domain, c.before)
	return done.RowsAffected, done.Error
}

func (c *cleaner) artifacts(ctx context.Context) error {
	progress, err := c.run.Progress(ctx, "clean-up.artifacts", "Orphaned Artifacts removed", nil, "")
	if err != nil {
		return err
	}
	next := c.candidates("core_artifacts", orphanArtifact)
	return c.each(ctx, progress, "artifacts that nothing refers to were removed", next, func(ids []string) (int64, error) {
		return c.removeArtifacts(ctx, ids, "c.timestamp_of_interest < ? AND (c.reclaim_after IS NULL OR c.reclaim_after < ?)", c.before, model.Now())
	})
}

// removeArtifacts removes the rows of those that nothing refers to any more and that a condition holds for, and then
// their bytes.
func (c *cleaner) removeArtifacts(ctx context.Context, ids []string, when string, args ...any) (int64, error) {
	var files []string
	begun := time.Now()
	err := c.run.InTx(ctx, func(tx *db.Tx) error {
		files = nil
		mine, err := lockFree(tx, "core_artifacts", ids)
		if err != nil || len(mine) == 0 {
			return err
		}
		return tx.Raw("DELETE FROM core_artifacts AS c WHERE c.id IN ? AND c.domain_id = ? AND "+when+" AND "+orphanArtifact+" RETURNING file",
			append([]any{mine, c.domain}, args...)...).Scan(&files).Error
	})
	if err != nil {
		return 0, err
	}
	_, err = c.store.RemoveUnreferenced(ctx, c.run, files, begun)
	return int64(len(files)), err
}

// lockFree locks the rows that nobody else holds.
func lockFree(tx *db.Tx, table string, ids []string) (mine []string, err error) {
	query := "SELECT id FROM " + table + " WHERE id IN ? ORDER BY id"
	if tx.Dialect() == db.Postgres {
		query += " FOR UPDATE SKIP LOCKED"
	}
	err = tx.Raw(query, ids).Scan(&mine).Error
	return mine, err
}

// batches gives one batch of identities after another; an empty one is the end.
type batches func(ctx context.Context) ([]string, error)

// candidates walks through the rows c of a table in the task's domain that nobody asked for lately, in the order of their
// identities, and gives those that a condition holds for. The condition is asked of one page at a time: so its cost is
// the same whatever a planner knows of the tables.
func (c *cleaner) candidates(table, when string) batches {
	last := ""
	return func(ctx context.Context) ([]string, error) {
		for {
			query := c.DB.Read(ctx).Table(table).Where("domain_id = ? AND timestamp_of_interest < ?", c.domain, c.before)
			if last != "" {
				query = query.Where("id > ?", last)
			}
			var page, ids []string
			if err := query.Order("id").Limit(cleanBatch).Pluck("id", &page).Error; err != nil || len(page) == 0 {
				return nil, err
			}
			last = page[len(page)-1]
			err := c.DB.Read(ctx).Table(table+" AS c").Where("c.id IN ?", page).Where(when).Order("c.id").Pluck("c.id", &ids).Error
			if err != nil || len(ids) > 0 {
				return ids, err
			}
		}
	}
}

// listed gives a list in batches.
func listed(ids []string) batches {
	return func(context.Context) ([]string, error) {
		some := ids[:min(cleanBatch, len(ids))]
		ids = ids[len(some):]
		return some, nil
	}
}

// each removes batch by batch, counts what went, and says it in the end.
func (c *cleaner) each(ctx context.Context, progress *task.Progress, message string, next batches, remove func(ids []string) (int64, error)) error {
	var total int64
	for {
		ids, err := next(ctx)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
		n, err := remove(ids)
		if err != nil {
			return err
		}
		total += n
		progress.Add(n)
	}
	progress.SetTotal(total)
	progress.Done()
	c.run.Log().Info(message, "count", total)
	return nil
}
