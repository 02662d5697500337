package noun

import (
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// Publication is the noun's part of a publication's row, with what its hrefs need.
type Publication struct {
	model.Publication
	RepositoryType *string
	// FromRepository and FromVersion are what a request names: exactly one.
	FromRepository, FromVersion *string
	// Served are the distributions that name it.
	Served []model.Distribution
}

// PublicationKind declares a type of publications whose rows are P.
type PublicationKind[P any] struct {
	Kind
	// Row gives the noun's part of a row.
	Row func(*P) *Publication
	// Fields are the type's own members.
	Fields []resource.Field[P]
	// Publish makes the arguments of the task that publishes.
	Publish func(p *P) task.Args
}

// Register makes publications known to references.
func (k PublicationKind[P]) Register(r *resource.Registry) { k.resource().Register(r) }

// Mount gives the operations of publications.
func (k PublicationKind[P]) Mount(env *resource.Env) []resource.Operation {
	return k.resource().Mount(env)
}

func (k PublicationKind[P]) resource() *resource.Of[P] {
	row := func(m *P) *model.Base { return &k.Row(m).Base }
	return &resource.Of[P]{
		Path: k.Path, Type: k.Type, Component: k.Component, Doc: k.Doc,
		Source:  resource.Source{Table: k.Table, Master: "core_publications", Joins: "LEFT JOIN core_repositories r ON r.id = m.repository_id", Where: "m.complete AND m.pulp_type = '" + k.Type + "'"},
		Base:    row,
		Fields:  append(append(base(k.Kind, row), PublicationFields(k.Row)...), k.Fields...),
		Filters: PublicationFilters(),
		Offers:  []resource.Verb{resource.List, resource.Create, resource.Read, resource.Delete},
		Access:  resource.Permissions(k.Model()), SyncDelete: true, Shareable: true,
		Check:    func(in *resource.Input, m, _ *P) error { return k.choose(in, k.Row(m)) },
		CreateBy: func(c *resource.Call, m *P) (*resource.Answer, error) { return c.Dispatch(k.Publish(m), nil) },
		Load:     func(page *resource.Page, rows []*P) error { return served(page, rows, k.Row) },
	}
}

// PublicationFields are the members of every publication.
func PublicationFields[P any](row func(*P) *Publication) []resource.Field[P] {
	return []resource.Field[P]{
		resource.Hidden("m.pulp_type", func(m *P) *string { return &row(m).PulpType }),
		resource.Hidden("m.repository_id", func(m *P) *string { return &row(m).RepositoryID }),
		resource.Hidden("m.repository_version_id", func(m *P) *string { return &row(m).RepositoryVersionID }),
		resource.Hidden("m.version_number", func(m *P) *int64 { return &row(m).VersionNumber }),
		resource.Joined("r.pulp_type", func(m *P) **string { return &row(m).RepositoryType }),
		resource.NullReference("repository_version", func(m *P) **string { return &row(m).FromVersion }, func(s *resource.Show, m *P) string {
			return versionPath(s, text(row(m).RepositoryType), row(m).RepositoryID, row(m).VersionNumber)
		}, resource.Target{Model: repository.VersionModel}).Unstored(),
		resource.NullReference("repository", func(m *P) **string { return &row(m).FromRepository }, func(s *resource.Show, m *P) string {
			return s.Names.Typed("repositories", text(row(m).RepositoryType), row(m).RepositoryID)
		}, resource.Target{Family: "repositories"}).Unstored().Doc("A repository whose latest version is published."),
		resource.Computed("distributions", resource.URIs(), func(s *resource.Show, m *P) {
			hrefs := []string{}
			for _, d := range row(m).Served {
				hrefs = append(hrefs, s.Names.Href(s.Names.Typed("distributions", d.PulpType, d.ID)))
			}
			s.Strings(hrefs)
		}),
		resource.Bool("checkpoint", func(m *P) *bool { return &row(m).Checkpoint }).Column("m.checkpoint").Default(false),
	}
}

// GenericPublicationFields are the members that publications of all types share in their common list.
func GenericPublicationFields[P any](row func(*P) *Publication) []resource.Field[P] {
	var kept []resource.Field[P]
	for _, f := range PublicationFields(row) {
		if f.Name != "distributions" && f.Name != "checkpoint" && f.Name != "m.pulp_type" {
			kept = append(kept, f)
		}
	}
	return kept
}

// PublicationFilters are those of every list of publications.
func PublicationFilters() []resource.Filter {
	return append(resource.Moments("pulp_created", "m.pulp_created"), []resource.Filter{
		resource.Flag("checkpoint", "m.checkpoint", "NOT m.checkpoint"), publishes("content", resource.String()), publishes("content__in", resource.URIs()),
		{Name: "repository", Schema: resource.URI(), Empty: true, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
			o, err := f.Resolve(value, resource.Target{Family: "repositories"})
			return resource.Cond{SQL: "m.repository_id = ?", Args: []any{o.ID}}, err
		}},
		{Name: "repository_version", Schema: resource.URI(), Empty: true, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
			v, err := VersionOf(f, value)
			return resource.Cond{SQL: "m.repository_id = ? AND m.version_number = ?", Args: []any{v.Repository, v.Number}}, err
		}},
	}...)
}

// publishes filters publications that offer any of the given units: published by path, or passed through.
func publishes(name string, schema resource.Schema) resource.Filter {
	return resource.Filter{Name: name, Schema: schema, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		units, err := contentIDs(f, value)
		return resource.Cond{SQL: `EXISTS (SELECT 1 FROM core_published_artifacts pa WHERE pa.publication_id = d.id AND pa.content_id IN ?)
			OR m.pass_through AND EXISTS (SELECT 1 FROM core_repository_contents rc WHERE rc.repository_id = m.repository_id AND rc.content_id IN ?
			AND rc.version_added <= m.version_number AND (rc.version_removed IS NULL OR rc.version_removed > m.version_number))`, Args: []any{units, units}}, err
	}}
}

// choose takes the version that is to be published.
func (k PublicationKind[P]) choose(in *resource.Input, p *Publication) error {
	if (p.FromRepository == nil) == (p.FromVersion == nil) {
		return errs.Together("Either the 'repository' or 'repository_version' need to be specified, but not both.")
	}
	if p.Checkpoint && p.FromRepository == nil {
		return errs.Together("Checkpoints may only be created for a repository's latest version: specify 'repository'.")
	}
	var v model.RepositoryVersion
	query := in.DB.WithContext(in.Context).Order("number DESC").Limit(1)
	if p.FromRepository != nil {
		query = query.Where("repository_id = ?", *p.FromRepository)
	} else {
		query = query.Where("id = ?", *p.FromVersion)
	}
	if err := query.Take(&v).Error; err != nil {
		return db.Translate(err)
	}
	p.RepositoryID, p.RepositoryVersionID, p.VersionNumber = v.RepositoryID, v.ID, v.Number
	return nil
}

// served loads the distributions that name the publications of a page.
func served[P any](page *resource.Page, rows []*P, row func(*P) *Publication) error {
	byID := map[string]*Publication{}
	ids := make([]string, 0, len(rows))
	for _, m := range rows {
		byID[row(m).ID], ids = row(m), append(ids, row(m).ID)
	}
	var found []model.Distribution
	if err := page.Where("publication_id", ids).Order("id DESC").Find(&found).Error; err != nil {
		return err
	}
	for _, d := range found {
		p := byID[*d.PublicationID]
		p.Served = append(p.Served, d)
	}
	return nil
}
