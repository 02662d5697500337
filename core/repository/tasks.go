package repository

import (
	"context"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// VersionModel is the model label of versions.
const VersionModel = "core.repositoryversion"

// Modify is the task that lays a delta over a repository.
type Modify struct {
	Repository    string   `json:"repository"`
	RepositoryPRN string   `json:"repository_prn"`
	KindPath      string   `json:"kind_path"`
	Base          string   `json:"base,omitempty"`
	RemoveAll     bool     `json:"remove_all,omitempty"`
	Remove        []string `json:"remove,omitempty"`
	Add           []string `json:"add,omitempty"`
	KeepExisting  bool     `json:"keep_existing,omitempty"`
}

// Kind is the task's name.
func (Modify) Kind() string { return "pulpcore.app.tasks.repository.add_and_remove" }

// Locks hold the repository.
func (a Modify) Locks() task.Locks { return task.Exclusive(a.RepositoryPRN) }

// Refers keeps the content that is to be added.
func (a Modify) Refers() []task.Reference { return task.References("core_contents", a.Add...) }

// DeleteVersionArgs is the task that deletes a version.
type DeleteVersionArgs struct {
	Version       string `json:"version"`
	RepositoryPRN string `json:"repository_prn"`
}

// Kind is the task's name.
func (DeleteVersionArgs) Kind() string { return "pulpcore.app.tasks.repository.delete_version" }

// Locks hold the repository.
func (a DeleteVersionArgs) Locks() task.Locks { return task.Exclusive(a.RepositoryPRN) }

// AfterVersion is what a type of repository does once a new version is committed, in the same task.
type AfterVersion func(ctx context.Context, run *task.Run, v *model.RepositoryVersion) error

// Handlers are the tasks of repositories. after is asked for what a type of repository does with a new version.
func (c *Committer) Handlers(after func(kindPath string) AfterVersion) []task.Handler {
	return []task.Handler{
		c.addPulled(after),
		task.Handle(func(ctx context.Context, run *task.Run, a Modify) (any, error) {
			var made *model.RepositoryVersion
			err := run.InTx(ctx, func(tx *db.Tx) (err error) {
				made, err = c.modify(tx, run, a)
				return err
			})
			if err != nil || made == nil {
				return nil, err
			}
			if then := after(a.KindPath); then != nil {
				return nil, then(ctx, run, made)
			}
			return nil, nil
		}),
		task.Handle(func(ctx context.Context, run *task.Run, a DeleteVersionArgs) (any, error) {
			return nil, run.InTx(ctx, func(tx *db.Tx) error {
				v, err := Find(tx, a.Version)
				if errs.Is(err, errs.NotFound) {
					return nil // somebody else deleted it first, which is what was wanted
				}
				if err != nil {
					return err
				}
				return c.deleteUnprotected(tx, v)
			})
		}),
	}
}

// deleteUnprotected looks whether the version is served when nobody can begin to refer to it any more.
func (c *Committer) deleteUnprotected(tx *db.Tx, v *model.RepositoryVersion) error {
	if err := tx.LockRow("core_repositories", v.RepositoryID); err != nil {
		return err
	}
	if err := tx.LockRow("core_repository_versions", v.ID); err != nil {
		return err
	}
	if err := RefuseProtected(tx, v); err != nil {
		return err
	}
	return c.DeleteVersion(tx, v)
}

func (c *Committer) modify(tx *db.Tx, run *task.Run, a Modify) (*model.RepositoryVersion, error) {
	d := Delta{RemoveAll: a.RemoveAll, Remove: a.Remove, Add: a.Add, KeepExisting: a.KeepExisting}
	if a.Base != "" {
		base, err := Find(tx, a.Base)
		if err != nil {
			return nil, err
		}
		d.Base = base
	}
	return c.CommitInTask(tx, run, a.KindPath, a.Repository, d)
}

// CommitInTask is Commit with the new version noted as a created resource of the task.
func (c *Committer) CommitInTask(tx *db.Tx, run *task.Run, kindPath, repositoryID string, d Delta) (*model.RepositoryVersion, error) {
	v, err := c.Commit(tx, repositoryID, d)
	if err != nil || v == nil {
		return nil, err
	}
	return v, run.Created(tx, VersionModel, v.ID, Path(kindPath, repositoryID, v.Number))
}
