package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/publication"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// publishArgs is the task that publishes a version.
type publishArgs struct {
	Repository string  `json:"repository"`
	Version    string  `json:"version"`
	Manifest   *string `json:"manifest"`
	Checkpoint bool    `json:"checkpoint,omitempty"`
}

// Kind is the task's name.
func (publishArgs) Kind() string { return "pulp_file.app.tasks.publishing.publish" }

// Locks let others read the repository meanwhile.
func (a publishArgs) Locks() task.Locks { return task.Shared(a.Repository) }

func handlers(env *resource.Env) []task.Handler {
	return []task.Handler{synchronize(env), task.Handle(func(ctx context.Context, run *task.Run, a publishArgs) (any, error) {
		var version *model.RepositoryVersion
		err := run.InTx(ctx, func(tx *db.Tx) (err error) {
			version, err = repository.Find(tx, a.Version)
			return err
		})
		if err != nil {
			return nil, err
		}
		p, err := publish(ctx, run, env, version, a.Manifest, a.Checkpoint)
		if err != nil {
			return nil, err
		}
		return env.Shown(ctx, publicationKind.Path, p.ID)
	})}
}

// publish serves every file of the version at its own path, and the manifest that lists them.
func publish(ctx context.Context, run *task.Run, env *resource.Env, version *model.RepositoryVersion, manifest *string, checkpoint bool) (*model.Publication, error) {
	return publishWith(ctx, run, env, version, manifest, checkpoint, func(d *publication.Draft, w io.Writer) error { return writeManifest(w, d.Units()) })
}

// publishMirror publishes a mirrored version with the manifest that the upstream has, byte for byte.
func (s *sync) publishMirror(ctx context.Context, v *model.RepositoryVersion) error {
	u, err := url.Parse(s.from.URL)
	if err != nil {
		return err
	}
	name := path.Base(u.Path)
	_, err = publishWith(ctx, s.run, s.env, v, &name, false, func(_ *publication.Draft, w io.Writer) (err error) {
		file, err := os.Open(s.manifest)
		if err != nil {
			return fmt.Errorf("read the manifest: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		_, err = io.Copy(w, file)
		return err
	})
	return err
}

// publishWith is publish with a manifest that write makes.
func publishWith(ctx context.Context, run *task.Run, env *resource.Env, version *model.RepositoryVersion, manifest *string, checkpoint bool,
	write func(d *publication.Draft, w io.Writer) error,
) (*model.Publication, error) {
	spec := publication.Spec{
		Type: publicationKind.Type, Model: publicationKind.Model(), Path: publicationKind.Path, Version: version, PassThrough: true, Checkpoint: checkpoint,
		Detail: func(tx *db.Tx, p *model.Publication) error {
			if err := tx.Table(publicationKind.Table).Create(map[string]any{"id": p.ID, "domain_id": p.DomainID, "manifest": manifest}).Error; err != nil {
				return err
			}
			return env.Born(tx, publicationKind.Path, p.ID, run.UserID)
		},
	}
	store, err := env.Artifacts.In(ctx, run.Domain)
	if err != nil {
		return nil, err
	}
	return publication.Make(ctx, run, store, spec, func(d *publication.Draft) error {
		if manifest == nil {
			return nil
		}
		return d.Write(*manifest, func(w io.Writer) error { return write(d, w) })
	})
}

// autopublish publishes each new version of a repository that wants it.
func autopublish(env *resource.Env) repository.AfterVersion {
	return func(ctx context.Context, run *task.Run, v *model.RepositoryVersion) error {
		var r struct {
			Autopublish bool
			Manifest    *string
		}
		err := env.DB.Read(ctx).Table(repositoryKind.Table).Select("autopublish, manifest").Where("id = ?", v.RepositoryID).Take(&r).Error
		if err != nil || !r.Autopublish {
			return err
		}
		_, err = publish(ctx, run, env, v, r.Manifest, false)
		return err
	}
}
