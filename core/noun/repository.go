package noun

import (
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/publication"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
)

// RepositoryKind declares a type of repositories whose rows are R. Its versions come with it.
type RepositoryKind[R any] struct {
	Kind
	// Row gives the noun's part of a row.
	Row func(*R) *model.Repository
	// Fields are the type's own members.
	Fields []resource.Field[R]
	// Remotes are the model labels of the remotes that repositories of the type sync from, such as "file.fileremote".
	Remotes []string
	// Contents are the types of content that it may hold; empty for all.
	Contents []string
	// Actions are the type's own operations, beside modify and labels.
	Actions []resource.Action[R]
	// Access is for the verbs of Actions.
	Access resource.Access
	// AfterVersion runs in the task that made a new version, once it is committed; may be nil.
	AfterVersion func(env *resource.Env) repository.AfterVersion
}

// Register makes repositories and their versions known to references.
func (k RepositoryKind[R]) Register(r *resource.Registry) {
	k.repositories().Register(r)
	r.Restrict(k.Path, k.Contents...)
	r.AddLocator(versionKind, locateVersion)
}

// Mount gives the operations of repositories and their versions.
func (k RepositoryKind[R]) Mount(env *resource.Env) []resource.Operation {
	return append(k.repositories().Mount(env), versions(k.Kind).Mount(env)...)
}

// After is what happens after a new version, by the path of the kind.
func (k RepositoryKind[R]) After(env *resource.Env) (path string, then repository.AfterVersion) {
	if k.AfterVersion == nil {
		return k.Path, nil
	}
	return k.Path, k.AfterVersion(env)
}

func (k RepositoryKind[R]) repositories() *resource.Of[R] {
	access := resource.Permissions(k.Model(), "modify", "repair")
	for verb, rule := range k.Access {
		access[verb] = rule
	}
	row := func(m *R) *model.Base { return &k.Row(m).Base }
	return &resource.Of[R]{
		Path: k.Path, Type: k.Type, Component: k.Component, Doc: k.Doc,
		Source:  resource.Source{Table: k.Table, Master: "core_repositories", Joins: RepositoryJoins, Where: "m.user_hidden = FALSE AND m.pulp_type = '" + k.Type + "'"},
		Base:    row,
		Fields:  append(append(base(k.Kind, row), repositoryFields(k)...), k.Fields...),
		Filters: RepositoryFilters(),
		Offers:  []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete},
		Access:  access, Needs: map[resource.Verb][]string{resource.Create: k.remoteNeeds(), resource.Update: k.remoteNeeds(), "sync": k.remoteNeeds()},
		Shareable: true, OwnerAlso: []string{resource.Permission("repair", k.Model())},
		Unique: map[string]string{"core_repositories(domain_id, name)": "name"},
		Saved:  k.saved,
		Actions: append(append([]resource.Action[R]{modifyAction(k)}, labels("core_repositories", row, func(m *R) *model.Labels { return &k.Row(m).PulpLabels })...),
			k.Actions...),
	}
}

// remoteNeeds are the conditions on the remote that a body names.
func (k RepositoryKind[R]) remoteNeeds() []string {
	if len(k.Remotes) != 1 {
		return nil // whether one of another model may be seen is asked of that model
	}
	return []string{"has_remote_param_model_or_domain_or_obj_perms:" + resource.Permission("view", k.Remotes[0])}
}

func repositoryFields[R any](k RepositoryKind[R]) []resource.Field[R] {
	row := k.Row
	return append([]resource.Field[R]{
		typed(func(m *R) *string { row(m).PulpType = k.Type; return &row(m).PulpType }),
		resource.Hidden("m.next_version", func(m *R) *int64 { return &row(m).NextVersion }),
		resource.Hidden("m.latest_version", func(m *R) *int64 { return &row(m).LatestVersion }),
		resource.Hidden("m.user_hidden", func(m *R) *bool { return &row(m).UserHidden }),
		resource.Computed("versions_href", resource.URI(), func(s *resource.Show, m *R) { s.Href(k.href(row(m).ID) + "versions/") }),
		resource.Labels(func(m *R) *model.Labels { return &row(m).PulpLabels }),
		resource.Computed("latest_version_href", resource.URI(), func(s *resource.Show, m *R) {
			s.Href(repository.Path(k.Path, row(m).ID, row(m).LatestVersion))
		}),
		resource.Text("name", func(m *R) *string { return &row(m).Name }).Column("m.name").Required().Filters(resource.Lookups).Doc("A unique name for this repository."),
		resource.NullText("description", func(m *R) **string { return &row(m).Description }).Column("m.description").Doc("An optional description."),
		resource.NullInt("retain_repo_versions", 1, func(m *R) **int64 { return &row(m).RetainRepoVersions }).Column("m.retain_repo_versions").Filters(resource.Numbers).
			Doc("Retain X versions of the repository. Default is null which retains all versions."),
		resource.NullInt("retain_checkpoints", 1, func(m *R) **int64 { return &row(m).RetainCheckpoints }).Column("m.retain_checkpoints").Filters(resource.Numbers).
			Doc("Retain X checkpoint publications for the repository. Default is null which retains all checkpoints."),
	}, RepositoryRemote(row, k.Remotes...)...)
}

// saved gives a new repository its version 0, and applies lowered retain_repo_versions and retain_checkpoints.
func (k RepositoryKind[R]) saved(w *resource.Work, m, old *R) error {
	r := k.Row(m)
	if old == nil || text(r.RemoteID) != text(k.Row(old).RemoteID) {
		if err := holdRemote(w, r.RemoteID); err != nil {
			return err
		}
	}
	if old == nil {
		return w.Env.Versions.Create(w.Tx, r)
	}
	if err := publication.RetainCheckpoints(w.Tx, r.ID, r.RetainCheckpoints); err != nil {
		return err
	}
	return w.Env.Versions.Retain(w.Tx, r.ID, r.RetainRepoVersions)
}

// RepositoryFilters are those of every list of repositories.
func RepositoryFilters() []resource.Filter {
	return []resource.Filter{
		holds("with_content", ""), holds("latest_with_content", " AND rc.version_removed IS NULL"),
		resource.LabelSelect("m.pulp_labels"),
	}
}

// holds filters repositories by a content that some version of theirs, or the newest, holds.
func holds(name, when string) resource.Filter {
	return resource.Filter{Name: name, Schema: resource.URI(), Empty: true, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		content, err := f.Resolve(value, resource.Target{Family: "content"})
		return resource.Cond{SQL: "EXISTS (SELECT 1 FROM core_repository_contents rc WHERE rc.repository_id = d.id AND rc.content_id = ?" + when + ")", Args: []any{content.ID}}, err
	}}
}

// modifyBody is the body of modify.
type modifyBody struct {
	add, remove []resource.Object
	removeAll   bool
	base        *string
	overwrite   bool
}

func modifyAction[R any](k RepositoryKind[R]) resource.Action[R] {
	content, version := resource.Target{Family: "content"}, resource.Target{Model: repository.VersionModel}
	body := resource.Accepts[modifyBody]{Component: "RepositoryAddRemoveContent", Fields: []resource.Field[modifyBody]{
		resource.References("add_content_units", func(b *modifyBody) *[]resource.Object { return &b.add }, content).
			Doc("A list of content units to add to a new repository version. This content is added after remove_content_units are removed."),
		resource.ReferencesOrAll("remove_content_units", func(b *modifyBody) *[]resource.Object { return &b.remove }, func(b *modifyBody) *bool { return &b.removeAll }, content).
			Doc("A list of content units to remove from the latest repository version. You may also specify '*' as an entry to remove all content."),
		resource.NullReference("base_version", func(b *modifyBody) **string { return &b.base }, nil, version).Unstored().
			Doc("A repository version whose content will be used as the initial set of content for the new repository version."),
		resource.Bool("overwrite", func(b *modifyBody) *bool { return &b.overwrite }).Unstored().Default(true).
			Doc("When false, the task fails rather than let a unit displace another one of the same key."),
	}}
	return resource.Action[R]{
		Verb: "modify", Doc: "Make a new version of what is added and removed.", Body: body, Answers: resource.Accepted(),
		Handle: func(c *resource.Call, m *R) (*resource.Answer, error) {
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			if err := exist(c, map[string][]resource.Object{"add_content_units": b.add, "remove_content_units": b.remove}); err != nil {
				return nil, err
			}
			if err := k.mayHold(c, b); err != nil {
				return nil, err
			}
			r := k.Row(m)
			return c.Dispatch(repository.Modify{Repository: r.ID, RepositoryPRN: resource.PRN(k.Model(), r.ID), KindPath: k.Path, Base: text(b.base),
				RemoveAll: b.removeAll, Remove: ids(b.remove), Add: ids(b.add), KeepExisting: !b.overwrite}, nil)
		},
	}
}

func ids(objects []resource.Object) []string {
	out := make([]string, len(objects))
	for i, o := range objects {
		out[i] = o.ID
	}
	return out
}

// exist looks whether all units are there, many at a time.
func exist(c *resource.Call, lists map[string][]resource.Object) error {
	for name, objects := range lists {
		if err := c.Input().AllExist(name, objects); err != nil {
			return err
		}
	}
	return nil
}
