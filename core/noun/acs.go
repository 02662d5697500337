package noun

import (
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// ACS is the noun's part of an alternate content source's row, with its paths and what comes by joins.
type ACS struct {
	model.AlternateContentSource
	RemoteType, RemoteURL *string
	Paths                 []model.AlternatePath
	// Given are the paths that a request names; nil when it names none.
	Given []string
}

// ACSKind declares a type of alternate content sources whose rows are A.
type ACSKind[A any] struct {
	Kind
	// Row gives the noun's part of a row.
	Row func(*A) *ACS
	// Remotes are the model labels of the remotes that it may have, such as "file.fileremote".
	Remotes []string
	// Repositories are what keeps what a refresh found.
	Repositories Hider
	// CheckPath looks at a new path; may be nil.
	CheckPath func(path string) error
	// Refresh makes the task that looks what there is below one path. It holds the repository alone and shares remote
	// and source, and calls Refreshed at its end.
	Refresh func(r Refresh) task.Args
}

// Hider makes the repositories that alternate content sources use inside.
type Hider interface {
	// Model is the label in PRNs.
	Model() string
	// Hide makes a repository that no list shows and that keeps one version.
	Hide(w *resource.Work, domain, name string) (*model.Repository, error)
}

// Register makes sources known to references.
func (k ACSKind[A]) Register(r *resource.Registry) { k.resource().Register(r) }

// Mount gives the operations of sources.
func (k ACSKind[A]) Mount(env *resource.Env) []resource.Operation { return k.resource().Mount(env) }

func (k ACSKind[A]) resource() *resource.Of[A] {
	row := func(m *A) *model.Base { return &k.Row(m).Base }
	return &resource.Of[A]{
		Path: k.Path, Type: k.Type, Component: k.Component, Doc: k.Doc,
		Source: resource.Source{Table: k.Table, Master: "core_alternate_content_sources", Joins: "JOIN core_remotes rm ON rm.id = m.remote_id",
			Where: "m.pulp_type = '" + k.Type + "'"},
		Base:   row,
		Fields: append(base(k.Kind, row), k.fields()...),
		Offers: []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete},
		Access: resource.Permissions(k.Model(), "refresh"), Shareable: true,
		Unique:  map[string]string{"core_alternate_content_sources(domain_id, name)": "name"},
		Check:   k.check,
		Differs: func(m, _ *A) bool { return k.Row(m).Given != nil },
		Load:    func(page *resource.Page, rows []*A) error { return loadPaths(page, rows, k.Row) },
		Locks:   func(_ resource.Verb, m *A) task.Locks { return task.Exclusive(k.hidden(k.Row(m).Paths)...) },
		Saved:   func(w *resource.Work, m, old *A) error { return k.saved(w, k.Row(m), old) },
		Deleted: func(w *resource.Work, m *A) error { return drop(w, k.Row(m)) },
		Actions: []resource.Action[A]{k.refreshAction()}, Sheds: true,
	}
}

func (k ACSKind[A]) fields() []resource.Field[A] {
	row := k.Row
	return []resource.Field[A]{
		typed(func(m *A) *string { row(m).PulpType = k.Type; return &row(m).PulpType }),
		resource.Joined("rm.pulp_type", func(m *A) **string { return &row(m).RemoteType }),
		resource.Joined("rm.url", func(m *A) **string { return &row(m).RemoteURL }),
		resource.Text("name", func(m *A) *string { return &row(m).Name }).Column("m.name").Required().Filters(resource.Lookups).Doc("Name of the alternate content source."),
		resource.NullTime("last_refreshed", func(m *A) **time.Time { return &row(m).LastRefreshed }).Column("m.last_refreshed").Doc("When a refresh last ended well."),
		resource.TextList("paths", func(m *A) *[]string { return &row(m).Given }, func(m *A) []string { return pathsOf(row(m)) }).
			Check(func(m *A) error { return k.checkPaths(row(m).Given) }).
			Doc("Paths that are appended to the URL of the remote; without any the remote's URL itself is looked at."),
		resource.Reference("remote", func(m *A) *string { return &row(m).RemoteID }, func(s *resource.Show, m *A) string {
			return s.Names.Typed("remotes", text(row(m).RemoteType), row(m).RemoteID)
		}, targets(k.Remotes)...).Column("m.remote_id").Required().Doc("The remote to provide alternate content; its policy must be on_demand."),
	}
}

// check looks at a new remote: what a source finds is only fetched when it is wanted.
func (k ACSKind[A]) check(in *resource.Input, m, old *A) error {
	a := k.Row(m)
	if old != nil && k.Row(old).RemoteID == a.RemoteID {
		return nil
	}
	var policies []model.Policy
	err := in.DB.WithContext(in.Context).Table("core_remotes").Where("id = ?", a.RemoteID).Limit(1).Pluck("policy", &policies).Error
	if err == nil && (len(policies) == 0 || policies[0] != model.OnDemand) {
		err = errs.Field("remote", "Remotes used with alternate content source must have the 'on_demand' policy.")
	}
	return err
}

func (k ACSKind[A]) checkPaths(given []string) error {
	seen := map[string]bool{}
	for _, path := range given {
		if seen[path] {
			return errs.New(errs.Invalid, "Paths must be unique; %q is given twice.", path)
		}
		seen[path] = true
		if k.CheckPath == nil {
			continue
		}
		if err := k.CheckPath(path); err != nil {
			return err
		}
	}
	return nil
}

func pathsOf(a *ACS) []string {
	paths := make([]string, len(a.Paths))
	for i, p := range a.Paths {
		paths[i] = p.Path
	}
	return paths
}

// hidden are the PRNs of the repositories behind paths.
func (k ACSKind[A]) hidden(paths []model.AlternatePath) []string {
	var prns []string
	for _, p := range paths {
		if p.RepositoryID != nil {
			prns = append(prns, resource.PRN(k.Repositories.Model(), *p.RepositoryID))
		}
	}
	return prns
}

// loadPaths brings the paths of a page of sources.
func loadPaths[A any](page *resource.Page, rows []*A, row func(*A) *ACS) error {
	byID, ids := map[string]*ACS{}, make([]string, 0, len(rows))
	for _, m := range rows {
		row(m).Paths = nil
		byID[row(m).ID], ids = row(m), append(ids, row(m).ID)
	}
	var found []model.AlternatePath
	if err := page.Where("acs_id", ids).Order("id").Find(&found).Error; err != nil {
		return err
	}
	for _, p := range found {
		a := byID[p.ACSID]
		a.Paths = append(a.Paths, p)
	}
	return nil
}
