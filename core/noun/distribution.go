package noun

import (
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/task"
)

// Distribution is the noun's part of a distribution's row, with what its hrefs need.
type Distribution struct {
	model.Distribution
	RepositoryType, VersionRepository, VersionType, PublicationType, GuardType, RemoteType *string
	VersionNumber                                                                          *int64
}

// DistributionKind declares a type of distributions whose rows are D.
type DistributionKind[D any] struct {
	Kind
	// Row gives the noun's part of a row.
	Row func(*D) *Distribution
	// Fields are the type's own members.
	Fields []resource.Field[D]
	// ServesPublications says that clients see publications, not plain versions.
	ServesPublications bool
	// PathKeyed is the content type whose repository key is its relative path, where nothing else is in the repositories
	// that it serves; serving then finds a path by one index.
	PathKeyed string
	// Finder answers live content before anything published is asked; may be nil.
	Finder serve.Finder
	// Usage tells people how clients use what is served; may be nil.
	Usage serve.Usage
	// PullThrough lets distributions have a remote; nil: they have none.
	PullThrough *PullThrough
}

// Register makes distributions known to references.
func (k DistributionKind[D]) Register(r *resource.Registry) { k.resource().Register(r) }

// Mount gives the operations of distributions.
func (k DistributionKind[D]) Mount(env *resource.Env) []resource.Operation {
	return k.resource().Mount(env)
}

// Serves is how the content server treats the type.
func (k DistributionKind[D]) Serves() serve.Kind {
	return serve.Kind{PulpType: k.Type, ServesPublications: k.ServesPublications, PathKeyed: k.PathKeyed, Finder: k.Finder, Usage: k.Usage, PullThrough: k.PullThrough.serves()}
}

func (k DistributionKind[D]) resource() *resource.Of[D] {
	row := func(m *D) *model.Base { return &k.Row(m).Base }
	return &resource.Of[D]{
		Path: k.Path, Type: k.Type, Component: k.Component, Doc: k.Doc,
		Source:  resource.Source{Table: k.Table, Master: "core_distributions", Joins: k.joins(), Where: "m.pulp_type = '" + k.Type + "'"},
		Base:    row,
		Fields:  append(append(base(k.Kind, row), distributionFields(k)...), k.Fields...),
		Filters: DistributionFilters(),
		Offers:  []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete},
		Access:  resource.Permissions(k.Model()), Shareable: true,
		Unique:      map[string]string{"core_distributions(domain_id, name)": "name", "core_distributions(domain_id, base_path)": "base_path"},
		Check:       k.check,
		Needs:       k.remoteNeeds(),
		Saved:       k.saved,
		Warn:        func(c *resource.Call, m *D) (string, error) { return warnOfOthers(c, k.Row(m)) },
		Locks:       func(verb resource.Verb, m *D) task.Locks { return distributionLocks(verb, k.Row(m)) },
		Actions:     labels("core_distributions", row, func(m *D) *model.Labels { return &k.Row(m).PulpLabels }),
		AsyncCreate: true,
	}
}

// DistributionJoins bring what the hrefs of a distribution need.
const DistributionJoins = `LEFT JOIN core_repositories r ON r.id = m.repository_id
	LEFT JOIN core_repository_versions v ON v.id = m.repository_version_id LEFT JOIN core_repositories vr ON vr.id = v.repository_id
	LEFT JOIN core_publications p ON p.id = m.publication_id LEFT JOIN core_content_guards cg ON cg.id = m.content_guard_id`

func distributionFields[D any](k DistributionKind[D]) []resource.Field[D] {
	row := k.Row
	fields := append([]resource.Field[D]{typed(func(m *D) *string { row(m).PulpType = k.Type; return &row(m).PulpType })}, DistributionFields(row, true)...)
	if k.PullThrough != nil {
		fields = append(fields, remoteFields(k)...)
	}
	return fields
}

// DistributionFields are the members of every distribution; bound adds those of types that serve publications.
func DistributionFields[D any](row func(*D) *Distribution, bound bool) []resource.Field[D] {
	fields := []resource.Field[D]{
		resource.Text("base_path", func(m *D) *string { return &row(m).BasePath }).Column("m.base_path").Required().
			Filters(resource.Exactly, resource.Contains, resource.ContainsAnyCase, resource.In).
			Doc("The base (relative) path component of the published url. Avoid paths that overlap with other distribution base paths."),
		resource.Computed("base_url", resource.URI(), func(s *resource.Show, m *D) { s.String(s.Names.BaseURL(row(m).BasePath)) }),
		resource.NullReference("content_guard", func(m *D) **string { return &row(m).ContentGuardID }, func(s *resource.Show, m *D) string {
			return s.Names.Typed("contentguards", text(row(m).GuardType), text(row(m).ContentGuardID))
		}, resource.Target{Family: "contentguards"}).Column("m.content_guard_id").
			Filters(resource.ReferenceFilter(true, true, resource.Target{Family: "contentguards"})).Doc("What decides who may download."),
		resource.Computed("content_guard_prn", resource.String().OrNull(), func(s *resource.Show, m *D) { guardPRN(s, row(m)) }),
		resource.Joined("cg.pulp_type", func(m *D) **string { return &row(m).GuardType }),
		resource.Computed("no_content_change_since", resource.Moment().OrNull(), func(s *resource.Show, m *D) {
			if row(m).PublicationID == nil {
				s.Raw("null")
				return
			}
			s.Time(row(m).PulpLastUpdated)
		}),
		resource.Bool("hidden", func(m *D) *bool { return &row(m).Hidden }).Column("m.hidden").Default(false),
		resource.Labels(func(m *D) *model.Labels { return &row(m).PulpLabels }),
		resource.Text("name", func(m *D) *string { return &row(m).Name }).Column("m.name").Required().Filters(resource.Lookups).Doc("A unique name."),
		resource.NullReference("repository", func(m *D) **string { return &row(m).RepositoryID }, func(s *resource.Show, m *D) string {
			return s.Names.Typed("repositories", text(row(m).RepositoryType), text(row(m).RepositoryID))
		}, resource.Target{Family: "repositories"}).Column("m.repository_id").
			Filters(resource.ReferenceFilter(true, true, resource.Target{Family: "repositories"})).Doc("The latest RepositoryVersion for this Repository will be served."),
		resource.Joined("r.pulp_type", func(m *D) **string { return &row(m).RepositoryType }),
		resource.Joined("vr.id", func(m *D) **string { return &row(m).VersionRepository }),
		resource.Joined("vr.pulp_type", func(m *D) **string { return &row(m).VersionType }),
		resource.Joined("v.number", func(m *D) **int64 { return &row(m).VersionNumber }),
		resource.Joined("p.pulp_type", func(m *D) **string { return &row(m).PublicationType }),
		resource.NullReference("repository_version", func(m *D) **string { return &row(m).RepositoryVersionID }, func(s *resource.Show, m *D) string {
			return versionPath(s, text(row(m).VersionType), text(row(m).VersionRepository), number(row(m).VersionNumber))
		}, resource.Target{Model: repository.VersionModel}).Column("m.repository_version_id").Doc("RepositoryVersion to be served."),
	}
	if !bound {
		return fields
	}
	return append(fields,
		resource.NullReference("publication", func(m *D) **string { return &row(m).PublicationID }, func(s *resource.Show, m *D) string {
			return s.Names.Typed("publications", text(row(m).PublicationType), text(row(m).PublicationID))
		}, resource.Target{Family: "publications"}).Column("m.publication_id").Doc("Publication to be served."),
		resource.Bool("checkpoint", func(m *D) *bool { return &row(m).Checkpoint }).Column("m.checkpoint").Default(false),
	)
}

// DistributionFilters are those of every list of distributions.
func DistributionFilters() []resource.Filter {
	return []resource.Filter{
		resource.LabelSelect("m.pulp_labels"), resource.Flag("checkpoint", "m.checkpoint", "NOT m.checkpoint"),
		{Name: "with_content", Schema: resource.URI(), Empty: true, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
			o, err := f.Resolve(value, resource.Target{Family: "content"})
			return resource.Cond{SQL: servesContent, Args: []any{o.ID, o.ID, o.ID}}, err
		}},
	}
}

// servesContent holds for distributions whose publication, version or repository's newest publication has the content.
const servesContent = `EXISTS (SELECT 1 FROM core_publications q JOIN core_repository_contents rc ON rc.repository_id = q.repository_id
		AND rc.version_added <= q.version_number AND (rc.version_removed IS NULL OR rc.version_removed > q.version_number)
		WHERE q.id = m.publication_id AND rc.content_id = ?)
	OR EXISTS (SELECT 1 FROM core_repository_versions q JOIN core_repository_contents rc ON rc.repository_id = q.repository_id
		AND rc.version_added <= q.number AND (rc.version_removed IS NULL OR rc.version_removed > q.number)
		JOIN core_publications qp ON qp.repository_version_id = q.id AND qp.complete
		WHERE q.id = m.repository_version_id AND rc.content_id = ?)
	OR EXISTS (SELECT 1 FROM core_repository_contents rc
		WHERE rc.repository_id = m.repository_id AND rc.content_id = ?
		AND rc.version_added <= (SELECT max(q.version_number) FROM core_publications q WHERE q.repository_id = m.repository_id AND q.complete)
		AND (rc.version_removed IS NULL OR rc.version_removed > (SELECT max(q.version_number) FROM core_publications q WHERE q.repository_id = m.repository_id AND q.complete)))`

// checkDistribution looks at what is served and at the place where it is served.
func checkDistribution(in *resource.Input, d *Distribution) error {
	bound := 0
	for _, id := range []*string{d.PublicationID, d.RepositoryID, d.RepositoryVersionID} {
		if id != nil {
			bound++
		}
	}
	if bound > 1 {
		return errs.Together("Only one of the attributes 'repository', 'repository_version' and 'publication' may be used simultaneously.")
	}
	if d.Checkpoint && d.RepositoryID == nil {
		return errs.Together("The checkpoint distribution requires the repository attribute to be set.")
	}
	if !ident.CleanPath(d.BasePath) {
		return errs.Field("base_path", "Relative path must be relative and may hold no white space, empty or dotted segments.")
	}
	return freePath(in, d)
}

// freePath refuses a base path that is above, below or at another one's.
func freePath(in *resource.Input, d *Distribution) error {
	above := []string{d.BasePath}
	for i := strings.LastIndexByte(d.BasePath, '/'); i > 0; i = strings.LastIndexByte(d.BasePath[:i], '/') {
		above = append(above, d.BasePath[:i])
	}
	var taken []string
	err := in.DB.WithContext(in.Context).Table("core_distributions").
		Where("domain_id = ? AND id <> ? AND (base_path IN ? OR (base_path > ? AND base_path < ?))", d.DomainID, d.ID, above, d.BasePath+"/", d.BasePath+"0").
		Limit(1).Pluck("base_path", &taken).Error
	if err != nil || len(taken) == 0 {
		return err
	}
	if taken[0] == d.BasePath {
		return errs.Field("base_path", "This field must be unique.")
	}
	return overlap(in, d, taken[0])
}

// overlap names the other place to who may see what is there.
func overlap(in *resource.Input, d *Distribution, place string) error {
	seen, err := in.Viewer.Family("distributions", "o.id", "o.pulp_type")
	if err != nil {
		return err
	}
	var n int64
	err = in.DB.WithContext(in.Context).Table("core_distributions o").Where("o.domain_id = ? AND o.base_path = ?", d.DomainID, place).Where(seen.SQL, seen.Args...).Count(&n).Error
	if err != nil {
		return err
	}
	if n == 0 || in.Viewer == nil {
		return errs.Field("base_path", "Overlaps with another distribution; choose another path.")
	}
	return errs.Field("base_path", "Overlaps with existing distribution at '%s'.", place)
}

// distributionLocks serialise what decides about base paths.
func distributionLocks(verb resource.Verb, d *Distribution) task.Locks {
	place := "pdrn:" + d.DomainID + ":distribution"
	switch verb {
	case resource.Create:
		return task.Exclusive(place + ".base_path").AndShared(place + "s")
	case resource.Update:
		return task.Exclusive(place + ".base_path")
	}
	return task.Locks{}
}
