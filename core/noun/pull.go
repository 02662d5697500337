package noun

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/publication"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
)

// PullThrough declares that distributions of a type may have a remote, which is asked for what they do not have.
type PullThrough struct {
	// Remotes are the model labels of the remotes that they may have, such as "file.fileremote".
	Remotes []string
	// Repositories are those that take what was pulled.
	Repositories []Kind
	// Folder gives the URL of the folder that paths lie below, of the URL of a remote; nil: they lie below that URL itself.
	Folder func(remoteURL string) (string, error)
	// Unit says what a path becomes; see serve.PullThrough. KeepUnit makes most of it.
	Unit func(path string) serve.MakeUnit
}

// serves is the declaration as the content server needs it.
func (p *PullThrough) serves() *serve.PullThrough {
	if p == nil {
		return nil
	}
	out := &serve.PullThrough{Folder: p.Folder, Unit: p.Unit, Repositories: map[string]serve.PullRepository{}}
	for _, r := range p.Repositories {
		out.Repositories[r.Type] = serve.PullRepository{KindPath: r.Path, Model: r.Model()}
	}
	return out
}

// KeepUnit gives what makes a unit of a file: m is its row without the artifact, new for each call.
func (k ContentKind[C]) KeepUnit(m func() *C) serve.MakeUnit {
	return func(_ context.Context, tx *db.Tx, domain string, a *model.Artifact) (id, path string, err error) {
		c := m()
		k.Row(c).Content = model.Content{Base: model.NewBase(domain), PulpType: k.Type, PulpLabels: model.Labels{}}
		if path, err = k.Artifact(c, a); err != nil {
			return "", "", err
		}
		err = k.findOrStore(k.resource(), &resource.Work{Tx: tx, Env: &resource.Env{}}, c, path, a)
		return k.Row(c).ID, path, err
	}
}

// remoteFields are the member remote of distributions that may have one.
func remoteFields[D any](k DistributionKind[D]) []resource.Field[D] {
	row := k.Row
	return []resource.Field[D]{
		resource.Joined("rm.pulp_type", func(m *D) **string { return &row(m).RemoteType }),
		resource.NullReference("remote", func(m *D) **string { return &row(m).RemoteID }, func(s *resource.Show, m *D) string {
			return s.Names.Typed("remotes", text(row(m).RemoteType), text(row(m).RemoteID))
		}, targets(k.PullThrough.Remotes)...).Column("m.remote_id").
			Doc("A remote that is asked for what this distribution does not have. What it gives is added to the repository."),
	}
}

// joins bring what the hrefs need.
func (k DistributionKind[D]) joins() string {
	if k.PullThrough == nil {
		return DistributionJoins
	}
	return DistributionJoins + "\n\tLEFT JOIN core_remotes rm ON rm.id = m.remote_id"
}

// remoteNeeds are the conditions on the remote that a body names.
func (k DistributionKind[D]) remoteNeeds() map[resource.Verb][]string {
	if k.PullThrough == nil || len(k.PullThrough.Remotes) != 1 {
		return nil // whether one of another model may be seen is asked of that model
	}
	see := []string{"has_remote_param_model_or_domain_or_obj_perms:" + resource.Permission("view", k.PullThrough.Remotes[0])}
	return map[resource.Verb][]string{resource.Create: see, resource.Update: see}
}

// check looks at a whole distribution, and at what it was before.
func (k DistributionKind[D]) check(in *resource.Input, m, old *D) error {
	d := k.Row(m)
	if err := checkDistribution(in, d); err != nil || d.RemoteID == nil {
		return err
	}
	if d.Checkpoint {
		return errs.Field("remote", "A checkpoint distribution serves what was; it cannot have a remote.")
	}
	if d.RepositoryID == nil {
		return nil
	}
	if old != nil && text(k.Row(old).RemoteID) == *d.RemoteID && text(k.Row(old).RepositoryID) == *d.RepositoryID {
		return nil
	}
	return k.mayFill(in, *d.RepositoryID)
}

// mayFill looks whether the repository takes what is pulled, and whether who asks may change it: from now on everybody does
// who downloads something new.
func (k DistributionKind[D]) mayFill(in *resource.Input, repository string) error {
	var types []string
	err := in.DB.WithContext(in.Context).Table("core_repositories").Where("id = ?", repository).Limit(1).Pluck("pulp_type", &types).Error
	if err != nil {
		return err
	}
	for _, r := range k.PullThrough.Repositories {
		if len(types) > 0 && r.Type == types[0] {
			return in.Viewer.Hold(resource.Permission("modify", r.Model()), resource.Object{Kind: resource.Kind{Model: r.Model()}, ID: repository}.Access())
		}
	}
	return errs.Field("repository", "A distribution of the type %s that has a remote cannot fill this repository; choose one of the type %s.", k.Type, k.fills())
}

func (k DistributionKind[D]) fills() string {
	var types []string
	for _, r := range k.PullThrough.Repositories {
		types = append(types, r.Type)
	}
	return strings.Join(types, " or ")
}

// saved forgets what was pulled when a distribution gets another remote or repository, and keeps the remote from being
// deleted meanwhile.
func (k DistributionKind[D]) saved(w *resource.Work, m, old *D) error {
	d := k.Row(m)
	if old != nil {
		if err := publication.Rebound(w.Tx, &k.Row(old).Distribution, &d.Distribution); err != nil {
			return err
		}
	}
	if old != nil && text(k.Row(old).RemoteID) == text(d.RemoteID) && text(k.Row(old).RepositoryID) == text(d.RepositoryID) {
		return nil
	}
	if err := holdRemote(w, d.RemoteID); err != nil || old == nil {
		return err
	}
	return forgetPulled(w.Tx.DB, "distribution_id", d.ID)
}

// forgetPulled forgets what was pulled through: for a distribution, or from a remote. The units stay where they are.
func forgetPulled(tx *gorm.DB, column, id string) error {
	return tx.Exec("DELETE FROM core_pulls WHERE "+column+" = ?", id).Error
}
