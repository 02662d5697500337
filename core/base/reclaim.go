package base

import (
	"context"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// reclaim is the task that gives back the space of files that can be fetched again.
type reclaim struct {
	Repositories []string `json:"repositories"`
	PRNs         []string `json:"prns"`
	// All says that the repositories are all of the domain, so that none is left to spare anything for.
	All bool `json:"all,omitempty"`
	// Keep are versions whose files stay.
	Keep []string `json:"keep,omitempty"`
}

// Kind is the task's name.
func (reclaim) Kind() string { return "pulpcore.app.tasks.reclaim_space.reclaim_space" }

// Locks let others read the repositories meanwhile.
func (a reclaim) Locks() task.Locks { return task.Shared(a.PRNs...) }

type reclaimBody struct {
	repositories, keep []resource.Object
	all                bool
}

// ReclaimSpace gives back the space of files that can be fetched again.
func ReclaimSpace() resource.Standalone {
	body := resource.Accepts[reclaimBody]{Component: "ReclaimSpace", Fields: []resource.Field[reclaimBody]{
		resource.ReferencesOrAll("repo_hrefs", func(b *reclaimBody) *[]resource.Object { return &b.repositories }, func(b *reclaimBody) *bool { return &b.all }, resource.Target{Family: "repositories"}).
			Required().Check(func(b *reclaimBody) error {
			if len(b.repositories) == 0 && !b.all {
				return errs.New(errs.Invalid, "This list may not be empty.")
			}
			return nil
		}).Doc("A list of repository hrefs, or '*' for all repositories."),
		resource.References("repo_versions_keeplist", func(b *reclaimBody) *[]resource.Object { return &b.keep }, resource.Target{Model: repository.VersionModel}).
			Doc("Versions whose files are kept."),
	}}
	return resource.Standalone{
		ID: "repositories_reclaim_space_reclaim", Short: "reclaim", Method: "POST", Route: "repositories/reclaim_space/", Tag: "Repositories: Reclaim_Space",
		Doc:  "Remove files of repositories that can be fetched from their remotes again.",
		Rule: auth.Permission("core.reclaim_repository"), Body: body, Answers: resource.Accepted(),
		Handle: func(c *resource.Call) (*resource.Answer, error) {
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			a, err := b.task(c)
			if err != nil {
				return nil, err
			}
			return c.Dispatch(*a, nil)
		},
	}
}

// task looks whether what is named is there.
func (b *reclaimBody) task(c *resource.Call) (*reclaim, error) {
	if err := c.Input().AllExist("repo_hrefs", b.repositories); err != nil {
		return nil, err
	}
	if err := c.Input().AllExist("repo_versions_keeplist", b.keep); err != nil {
		return nil, err
	}
	a := &reclaim{All: b.all}
	for _, o := range b.keep {
		a.Keep = append(a.Keep, o.ID)
	}
	for _, o := range b.repositories {
		a.Repositories, a.PRNs = append(a.Repositories, o.ID), append(a.PRNs, o.PRN())
	}
	if !b.all {
		return a, nil
	}
	var rows []model.Repository
	if err := c.Env.DB.Read(c.Context()).Select("id, pulp_type").Where("domain_id = ?", c.Domain).Order("id").Find(&rows).Error; err != nil {
		return nil, err
	}
	for _, r := range rows {
		if kind, known := c.Env.Registry.ByType("repositories", r.PulpType); known {
			a.Repositories, a.PRNs = append(a.Repositories, r.ID), append(a.PRNs, resource.PRN(kind.Model, r.ID))
		}
	}
	return a, nil
}

func reclaimHandlers(env *resource.Env) []task.Handler {
	return []task.Handler{task.Handle(func(ctx context.Context, run *task.Run, a reclaim) (any, error) {
		c, err := newCleaner(ctx, env, run, run.Domain, model.Now())
		if err != nil {
			return nil, err
		}
		progress, err := run.Progress(ctx, "reclaim-space.artifact", "Artifacts reclaimed", nil, "")
		if err != nil {
			return nil, err
		}
		kept, err := c.versions(ctx, a.Keep)
		if err != nil {
			return nil, err
		}
		return nil, c.each(ctx, progress, "files that remotes still have were removed", c.membersOf(a.Repositories), func(ids []string) (int64, error) {
			return c.reclaim(ctx, ids, a, kept)
		})
	}, task.Long(), task.WithPriority(task.Low))} // upkeep that looks at all content of repositories
}

// versions reads the versions whose content is kept. Those that are gone keep nothing.
func (c *cleaner) versions(ctx context.Context, ids []string) (found []model.RepositoryVersion, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = c.DB.Read(ctx).Select("id, repository_id, number").Where("id IN ?", ids).Find(&found).Error
	return found, err
}

// membersOf walks through one repository after the other.
func (c *cleaner) membersOf(repositories []string) batches {
	var next batches
	return func(ctx context.Context) ([]string, error) {
		for {
			if next == nil {
				if len(repositories) == 0 {
					return nil, nil
				}
				next, repositories = c.members(repositories[0]), repositories[1:]
			}
			ids, err := next(ctx)
			if err != nil || len(ids) > 0 {
				return ids, err
			}
			next = nil
		}
	}
}

// members walks through the content of all versions of a repository that is downloaded and can be fetched again.
func (c *cleaner) members(repository string) batches {
	last := ""
	return func(ctx context.Context) (ids []string, err error) {
		query := c.DB.Read(ctx).Table("core_repository_contents AS c").Distinct("c.content_id").Where("c.repository_id = ?", repository).
			Where("EXISTS (SELECT 1 FROM core_content_artifacts a WHERE a.content_id = c.content_id AND a.artifact_id IS NOT NULL)")
		if last != "" {
			query = query.Where("c.content_id > ?", last)
		}
		if err := query.Order("c.content_id").Limit(cleanBatch).Pluck("c.content_id", &ids).Error; err != nil || len(ids) == 0 {
			return nil, err
		}
		last = ids[len(ids)-1]
		return ids, nil
	}
}

// reclaim detaches the files of a batch of content and removes those artifacts that nothing else refers to. Content
// is spared that has a file without a remote, that a kept version has, or that a repository not named has too.
func (c *cleaner) reclaim(ctx context.Context, ids []string, a reclaim, kept []model.RepositoryVersion) (int64, error) {
	var artifacts []string
	err := c.run.InTx(ctx, func(tx *db.Tx) error {
		artifacts = nil
		mine, err := lockFree(tx, "core_contents", ids)
		if err != nil || len(mine) == 0 {
			return err
		}
		mine, err = c.spare(tx, mine, a, kept)
		if err != nil || len(mine) == 0 {
			return err
		}
		err = tx.Raw("SELECT DISTINCT artifact_id FROM core_content_artifacts WHERE content_id IN ? AND artifact_id IS NOT NULL", mine).Scan(&artifacts).Error
		if err != nil {
			return err
		}
		if err := tx.Exec("UPDATE core_content_artifacts SET artifact_id = NULL WHERE content_id IN ?", mine).Error; err != nil {
			return err
		}
		return tx.Exec("UPDATE core_domains SET reclaims = reclaims + 1 WHERE id = ?", c.run.Domain).Error
	})
	if err != nil || len(artifacts) == 0 {
		return 0, err
	}
	return c.removeArtifacts(ctx, artifacts, "TRUE")
}

// spare leaves out of a batch what must keep its files.
func (c *cleaner) spare(tx *db.Tx, ids []string, a reclaim, kept []model.RepositoryVersion) (mine []string, err error) {
	query := tx.Table("core_contents AS c").Where("c.id IN ?", ids).
		Where(`NOT EXISTS (SELECT 1 FROM core_content_artifacts a WHERE a.content_id = c.id AND a.artifact_id IS NOT NULL AND NOT EXISTS (
			SELECT 1 FROM core_remote_artifacts r WHERE r.content_id = a.content_id AND r.relative_path = a.relative_path))`)
	if !a.All {
		query = query.Where("NOT EXISTS (SELECT 1 FROM core_repository_contents o WHERE o.content_id = c.id AND o.repository_id NOT IN ?)", a.Repositories)
	}
	for _, v := range kept {
		query = query.Where(`NOT EXISTS (SELECT 1 FROM core_repository_contents o WHERE o.content_id = c.id AND o.repository_id = ? AND o.version_added <= ?
			AND (o.version_removed IS NULL OR o.version_removed > ?))`, v.RepositoryID, v.Number, v.Number)
	}
	err = query.Pluck("c.id", &mine).Error
	return mine, err
}
