package base

import (
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
)

// generic declares the list of a noun over all its types: the members that every type has.
func generic[M any](path, component, table string, base func(*M) *model.Base, pulpType func(*M) *string, fields []resource.Field[M], filters []resource.Filter, joins, where string) resource.Of[M] {
	start := resource.BaseFields("m.", "core."+path, base, nil)
	start[0] = resource.Computed("pulp_href", resource.URI(), func(s *resource.Show, m *M) {
		s.Href(s.Names.Typed(path, *pulpType(m), base(m).ID))
	})
	start[1] = resource.Computed("prn", resource.String(), func(s *resource.Show, m *M) {
		kind, _ := s.Names.Kinds.ByType(path, *pulpType(m))
		s.PRN(kind.Model, base(m).ID)
	})
	return resource.Of[M]{
		Path: path, Model: "core." + strings.ToLower(component), Component: component, Doc: "All types of " + path + ".",
		Source: resource.Source{Table: table, Master: table, Joins: joins, Where: where}, Base: base, Unaddressed: true,
		Fields:  append(append(start, resource.Hidden("m.pulp_type", pulpType)), fields...),
		Filters: append(filters, typeFilters(path)...),
		Offers:  []resource.Verb{resource.List}, Access: resource.Permissions("core." + strings.ToLower(component)),
		Sees: func(v *resource.Viewer, key string) (resource.Cond, error) { return v.Family(path, key, "m.pulp_type") },
	}
}

// typeFilters are pulp_type and pulp_type__in; a type that nobody serves is refused.
func typeFilters(family string) []resource.Filter {
	known := func(f *resource.Filtering, name string, values []string) error {
		for _, v := range values {
			if !slices.Contains(f.Registry.Types(family), v) {
				return errs.Field(name, "Select a valid choice. %s is not one of the available choices.", v)
			}
		}
		return nil
	}
	return []resource.Filter{
		{Name: "pulp_type", Schema: resource.String(), Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
			return resource.Cond{SQL: "m.pulp_type = ?", Args: []any{value}}, known(f, "pulp_type", []string{value})
		}},
		{Name: "pulp_type__in", Schema: resource.Strings(), Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
			values := resource.Items(value)
			return resource.Cond{SQL: "m.pulp_type IN ?", Args: []any{values}}, known(f, "pulp_type__in", values)
		}},
	}
}

// Repositories is the list of repositories of all types.
func Repositories() resource.Of[model.Repository] {
	type row = model.Repository
	fields := []resource.Field[row]{
		resource.Hidden("m.latest_version", func(r *row) *int64 { return &r.LatestVersion }),
		resource.Computed("versions_href", resource.URI(), func(s *resource.Show, r *row) {
			s.Href(s.Names.Typed("repositories", r.PulpType, r.ID) + "versions/")
		}),
		resource.Labels(func(r *row) *model.Labels { return &r.PulpLabels }),
		resource.Computed("latest_version_href", resource.URI(), func(s *resource.Show, r *row) {
			kind, _ := s.Names.Kinds.ByType("repositories", r.PulpType)
			s.Href(repository.Path(kind.Path, r.ID, r.LatestVersion))
		}),
		resource.Text("name", func(r *row) *string { return &r.Name }).Column("m.name").Filters(resource.Lookups),
		resource.NullText("description", func(r *row) **string { return &r.Description }).Column("m.description"),
		resource.NullInt("retain_repo_versions", 1, func(r *row) **int64 { return &r.RetainRepoVersions }).Column("m.retain_repo_versions").Filters(resource.Numbers),
		resource.NullInt("retain_checkpoints", 1, func(r *row) **int64 { return &r.RetainCheckpoints }).Column("m.retain_checkpoints").Filters(resource.Numbers),
	}
	fields = append(fields, noun.RepositoryRemote(func(r *row) *row { return r })...)
	return generic("repositories", "Repository", "core_repositories", func(r *row) *model.Base { return &r.Base }, func(r *row) *string { return &r.PulpType },
		fields, noun.RepositoryFilters(), noun.RepositoryJoins, "m.user_hidden = FALSE")
}

// RepositoryVersions is the list of versions of all repositories.
func RepositoryVersions() resource.Of[noun.Version] {
	return resource.Of[noun.Version]{
		Path: "repository_versions", Model: repository.VersionModel, Component: "RepositoryVersion", Doc: "A version of a repository.",
		Source: noun.VersionSource, Base: func(v *noun.Version) *model.Base { return &v.Base }, Unaddressed: true,
		Fields: noun.VersionFields(), Filters: noun.VersionFilters(),
		Offers: []resource.Verb{resource.List}, Access: resource.Permissions(repository.VersionModel), Sees: noun.VersionsSeen,
	}
}

// Contents is the list of content of all types.
func Contents() resource.Of[noun.AnyContent] {
	type row = noun.AnyContent
	of := generic("content", "Content", "core_contents", func(c *row) *model.Base { return &c.Base }, func(c *row) *string { return &c.PulpType },
		noun.AnyContentFields(), append(noun.MembershipFilters(""), resource.LabelSelect("m.pulp_labels")), "", "")
	of.Component = "MultipleArtifactContent"
	of.Load, of.Sees = noun.LoadArtifacts, noun.ContentSeen
	return of
}

// Publications is the list of publications of all types.
func Publications() resource.Of[noun.Publication] {
	type row = noun.Publication
	self := func(p *row) *row { return p }
	return generic("publications", "Publication", "core_publications", func(p *row) *model.Base { return &p.Base }, func(p *row) *string { return &p.PulpType },
		noun.GenericPublicationFields(self), noun.PublicationFilters(), "LEFT JOIN core_repositories r ON r.id = m.repository_id", "m.complete")
}

// Remotes is the list of remotes of all types.
func Remotes() resource.Of[model.Remote] {
	type row = model.Remote
	self := func(r *row) *row { return r }
	fields := noun.RemoteFields(self, []model.Policy{model.Immediate, model.OnDemand, model.Streamed}, nil)
	of := generic("remotes", "Remote", "core_remotes", func(r *row) *model.Base { return &r.Base }, func(r *row) *string { return &r.PulpType },
		fields, noun.RemoteFilters(), "", "")
	of.Component = "GenericRemote"
	return of
}

// Distributions is the list of distributions of all types.
func Distributions() resource.Of[noun.Distribution] {
	type row = noun.Distribution
	self := func(d *row) *row { return d }
	return generic("distributions", "Distribution", "core_distributions", func(d *row) *model.Base { return &d.Base }, func(d *row) *string { return &d.PulpType },
		noun.DistributionFields(self, false), noun.DistributionFilters(), noun.DistributionJoins, "")
}

// ContentGuards is the list of content guards of all types.
func ContentGuards() resource.Of[model.ContentGuard] {
	type row = model.ContentGuard
	return generic("contentguards", "ContentGuard", "core_content_guards", func(g *row) *model.Base { return &g.Base }, func(g *row) *string { return &g.PulpType },
		noun.GuardFields(func(g *row) *row { return g }), nil, "", "")
}
