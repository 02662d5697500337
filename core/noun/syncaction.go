package noun

import (
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// SyncBody is what a sync is asked for.
type SyncBody struct {
	// Remote is the one of the request, else that of the repository.
	Remote *resource.Object
	// Mirror makes the new version exactly what the upstream has.
	Mirror bool
	// Optimize leaves out a sync that would change nothing.
	Optimize bool
}

// SyncAction is the operation sync/ of repositories: it finds out the remote and dispatches what start makes of it.
// remotes are the model labels of those that the type syncs from, component names the body in the OpenAPI document.
func SyncAction[R any](component string, row func(*R) *model.Repository, remotes []string, start func(m *R, b SyncBody) (task.Args, error)) resource.Action[R] {
	var targets []resource.Target
	for _, label := range remotes {
		targets = append(targets, resource.Target{Model: label})
	}
	body := resource.Accepts[SyncBody]{Component: component, Fields: []resource.Field[SyncBody]{
		resource.NullObject("remote", func(b *SyncBody) **resource.Object { return &b.Remote }, targets...).
			Doc("A remote to sync from. This will override a remote set on repository."),
		resource.Bool("mirror", func(b *SyncBody) *bool { return &b.Mirror }).Unstored().Default(false).Optional().
			Doc("If true, synchronization will remove all content that is not present in the remote repository. If false, sync will be additive only."),
		resource.Bool("optimize", func(b *SyncBody) *bool { return &b.Optimize }).Unstored().Default(true).Optional().
			Doc("Whether or not to optimize sync."),
	}}
	return resource.Action[R]{
		Verb: "sync", Doc: "Synchronize from a remote.", Body: body, Answers: resource.Accepted(),
		Handle: func(c *resource.Call, m *R) (*resource.Answer, error) {
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			if b.Remote == nil {
				if b.Remote, err = ownRemote(c, row(m)); err != nil {
					return nil, err
				}
			}
			args, err := start(m, *b)
			if err != nil {
				return nil, err
			}
			return c.Dispatch(args, nil)
		},
	}
}

// ownRemote is the remote of a repository.
func ownRemote(c *resource.Call, r *model.Repository) (*resource.Object, error) {
	if r.RemoteID == nil {
		return nil, errs.Field("remote", "A remote must be specified here or on the repository.")
	}
	var found model.Remote
	if err := c.Env.DB.Read(c.Context()).Where("id = ?", *r.RemoteID).Take(&found).Error; err != nil {
		return nil, err
	}
	kind, known := c.Env.Registry.ByType("remotes", found.PulpType)
	if !known {
		return nil, errs.Field("remote", "No plugin that serves remotes of type %s is enabled here.", found.PulpType)
	}
	return &resource.Object{Kind: kind, ID: found.ID, Path: kind.Path + "/" + found.ID + "/"}, nil
}
