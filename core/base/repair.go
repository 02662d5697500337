package base

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// repairAll is the task that looks after every file of the domain.
type repairAll struct {
	Domain string `json:"domain"`
	Verify bool   `json:"verify"`
}

// Kind is the task's name.
func (repairAll) Kind() string { return "pulpcore.app.tasks.repository.repair_all_artifacts" }

// Scheduled fills in the domain.
func (a repairAll) Scheduled(domain string) (task.Args, error) {
	if a.Domain != "" && a.Domain != domain {
		return nil, errs.New(errs.Invalid, "leave out domain: a schedule works in its own")
	}
	a.Domain = domain
	return a, nil
}

// Locks let one repair at a time through.
func (a repairAll) Locks() task.Locks { return task.Exclusive("pdrn:" + a.Domain + ":repair") }

// Repair is the repair of every file there is.
func Repair() resource.Standalone {
	body := noun.TakesRepair()
	return resource.Standalone{
		ID: "repair_post", Short: "post", Method: "POST", Route: "repair/", Tag: "Repair", Doc: "Fetch missing and damaged files again.",
		Rule: auth.Permission("core.repair_artifact"), Body: body, Answers: resource.Accepted(),
		Handle: func(c *resource.Call) (*resource.Answer, error) {
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			return c.Dispatch(repairAll{Domain: c.Domain, Verify: b.Verify}, nil)
		},
	}
}

func repairHandlers(env *resource.Env) []task.Handler {
	return []task.Handler{
		task.Handle(func(ctx context.Context, run *task.Run, a repairAll) (any, error) {
			return nil, repairFiles(ctx, run, env, a.Verify, allArtifacts(run))
		}, task.Long(), task.WithPriority(task.Low), task.Schedulable()), // reads every file
		task.Handle(func(ctx context.Context, run *task.Run, a noun.RepairVersion) (any, error) {
			return nil, repairFiles(ctx, run, env, a.Verify, artifactsOf(run, a.Repository, a.Number))
		}, task.Long()), // reads every file of the version, and somebody asked for this one
	}
}

const (
	// repairPage is how many rows are read at a time.
	repairPage = 500
	// repairWidth is how many files are looked at side by side.
	repairWidth = 4
)

// artifactPages gives one page of artifacts after another; an empty one is the end.
type artifactPages func(ctx context.Context) ([]model.Artifact, error)

// allArtifacts walks through the artifacts of the task's domain.
func allArtifacts(run *task.Run) artifactPages {
	last := ""
	return func(ctx context.Context) (page []model.Artifact, err error) {
		query := run.DB().Read(ctx).Where("domain_id = ?", run.Domain)
		if last != "" {
			query = query.Where("id > ?", last)
		}
		if err = query.Order("id").Limit(repairPage).Find(&page).Error; err != nil || len(page) == 0 {
			return nil, err
		}
		last = page[len(page)-1].ID
		return page, nil
	}
}

// artifactsOf walks through the artifacts behind a version, each once: with the first of the units that share it.
func artifactsOf(run *task.Run, repository string, number int64) artifactPages {
	const member = ` FROM core_repository_contents rc JOIN core_content_artifacts ca ON ca.content_id = rc.content_id`
	const inVersion = ` rc.repository_id = ? AND rc.version_added <= ? AND (rc.version_removed IS NULL OR rc.version_removed > ?)`
	last := ""
	return func(ctx context.Context) ([]model.Artifact, error) {
		for {
			units := []string{}
			query := run.DB().Read(ctx).Table("core_repository_contents rc").Where(inVersion, repository, number, number)
			if last != "" {
				query = query.Where("rc.content_id > ?", last)
			}
			if err := query.Order("rc.content_id").Limit(repairPage).Pluck("rc.content_id", &units).Error; err != nil || len(units) == 0 {
				return nil, err
			}
			last = units[len(units)-1]
			var page []model.Artifact
			err := run.DB().Read(ctx).Raw(`SELECT DISTINCT a.* FROM core_artifacts a JOIN core_content_artifacts c ON c.artifact_id = a.id
				WHERE c.content_id IN ? AND NOT EXISTS (SELECT 1`+member+` WHERE ca.artifact_id = a.id AND ca.content_id < ? AND`+inVersion+`)`,
				units, units[0], repository, number, number).Scan(&page).Error
			if err != nil || len(page) > 0 {
				return page, err
			}
		}
	}
}

// repairer is one repair under way.
type repairer struct {
	*resource.Env
	store                        *artifact.Store
	run                          *task.Run
	verify                       bool
	missing, corrupted, repaired *task.Progress
}

func repairFiles(ctx context.Context, run *task.Run, env *resource.Env, verify bool, next artifactPages) (err error) {
	store, err := env.Artifacts.In(ctx, run.Domain)
	if err != nil {
		return err
	}
	r := &repairer{Env: env, store: store, run: run, verify: verify}
	for _, report := range []struct {
		into          **task.Progress
		code, message string
	}{
		{&r.missing, "repair.missing", "Files that are missing"},
		{&r.corrupted, "repair.corrupted", "Files that are damaged"},
		{&r.repaired, "repair.repaired", "Files that were fetched again"},
	} {
		if *report.into, err = run.Progress(ctx, report.code, report.message, nil, ""); err != nil {
			return err
		}
	}
	looked := 0
	for {
		page, err := next(ctx)
		if err != nil {
			return fmt.Errorf("list the files to look at: %w", err)
		}
		if len(page) == 0 {
			break
		}
		if err := r.lookAt(ctx, page); err != nil {
			return err
		}
		looked += len(page)
	}
	for _, p := range []*task.Progress{r.missing, r.corrupted, r.repaired} {
		p.Done()
	}
	run.Log().Info("all files were looked at", "files", looked, "read", verify)
	return nil
}

func (r *repairer) lookAt(ctx context.Context, page []model.Artifact) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(repairWidth)
	for i := range page {
		group.Go(func() error { return r.look(ctx, &page[i]) })
	}
	return group.Wait()
}

// look checks one file and mends it when it can. Only what concerns all files is an error.
func (r *repairer) look(ctx context.Context, a *model.Artifact) error {
	state, err := r.store.Check(ctx, a, r.verify)
	switch {
	case err != nil:
		return err
	case state == artifact.Missing:
		r.missing.Add(1)
	case state == artifact.Corrupted:
		r.corrupted.Add(1)
	default:
		return nil
	}
	mended, err := r.mend(ctx, a)
	if mended {
		r.repaired.Add(1)
	}
	return err
}

// maxPlaces bounds the places that are asked for one file.
const maxPlaces = 20

// mend fetches the file again from the first place that still has it.
func (r *repairer) mend(ctx context.Context, a *model.Artifact) (bool, error) {
	var places []model.RemoteArtifact
	err := r.DB.Read(ctx).Raw(`SELECT DISTINCT ra.url, ra.remote_id FROM core_content_artifacts ca
		JOIN core_remote_artifacts ra ON ra.content_id = ca.content_id AND ra.relative_path = ca.relative_path
		WHERE ca.artifact_id = ? LIMIT ?`, a.ID, maxPlaces).Scan(&places).Error
	if err != nil {
		return false, err
	}
	for i := range places {
		fetched, err := r.fetch(ctx, a, &places[i])
		if err == nil {
			r.run.Log().Info("a missing or damaged file was fetched again", "sha256", a.SHA256, "url", remote.Clean(places[i].URL))
			return fetched, nil
		}
		if ctx.Err() != nil {
			return false, err
		}
		r.run.Log().Warn("a file could not be fetched again", "sha256", a.SHA256, "url", remote.Clean(places[i].URL), "error", err)
	}
	if len(places) == 0 {
		r.run.Log().Warn("a file is missing or damaged, and no remote has it; upload it again", "sha256", a.SHA256)
	}
	return false, nil
}

// fetch downloads the file from one place and puts it where it belongs; false when nobody wants it any more.
func (r *repairer) fetch(ctx context.Context, a *model.Artifact, from *model.RemoteArtifact) (bool, error) {
	var row model.Remote
	if err := r.DB.Read(ctx).Where("id = ?", from.RemoteID).Take(&row).Error; err != nil {
		return false, err
	}
	client, err := r.Remotes.Client(&row)
	if err != nil {
		return false, err
	}
	file, err := client.Download(ctx, r.store, remote.Want{URL: from.URL, Size: &a.Size, Digests: artifact.Digests{artifact.SHA256: a.SHA256}})
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Cancel() }() // does nothing once the file is in its place
	wanted := false
	err = r.run.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.LockRow("core_artifacts", a.ID); errs.Is(err, errs.NotFound) {
			return nil
		} else if err != nil {
			return err
		}
		wanted = true
		return file.Replace(ctx, a)
	})
	return wanted && err == nil, err
}
