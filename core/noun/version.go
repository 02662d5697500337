package noun

import (
	"context"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
)

// Version is a repository version as it is shown.
type Version struct {
	model.RepositoryVersion
	// RepositoryType, BaseRepository, BaseType and BaseNumber come by joins.
	RepositoryType           string
	BaseRepository, BaseType *string
	BaseNumber               *int64
}

var versionKind = resource.Kind{Path: "repository_versions", Model: repository.VersionModel, Table: "core_repository_versions", Sees: VersionsSeen}

// VersionsSeen limits versions to those of repositories that may be seen.
func VersionsSeen(v *resource.Viewer, key string) (resource.Cond, error) {
	return v.Through(func(repositories string) string {
		return key + " IN (SELECT sv.id FROM core_repository_versions sv WHERE sv.repository_id IN (" + repositories + "))"
	})
}

// VersionSource is where versions are read from, with what their hrefs need.
var VersionSource = resource.Source{Table: "core_repository_versions",
	Joins: "JOIN core_repositories r ON r.id = d.repository_id LEFT JOIN core_repository_versions b ON b.id = d.base_version_id LEFT JOIN core_repositories br ON br.id = b.repository_id"}

// VersionFields are the members of a version.
func VersionFields() []resource.Field[Version] {
	base := func(v *Version) *model.Base { return &v.Base }
	fields := resource.BaseFields("d.", repository.VersionModel, base, nil)
	fields[0] = resource.Computed("pulp_href", resource.URI(), func(s *resource.Show, v *Version) {
		s.Href(versionPath(s, v.RepositoryType, v.RepositoryID, v.Number))
	})
	return append(fields,
		resource.Int("number", 0, func(v *Version) *int64 { return &v.Number }).ReadOnly().Filters(resource.Numbers),
		resource.Hidden("d.repository_id", func(v *Version) *string { return &v.RepositoryID }),
		resource.Hidden("d.counts", func(v *Version) *model.JSON { return &v.Counts }),
		resource.Hidden("d.set_hash", func(v *Version) *string { return &v.SetHash }),
		resource.Hidden("d.base_version_id", func(v *Version) **string { return &v.BaseVersionID }),
		resource.Joined("r.pulp_type", func(v *Version) *string { return &v.RepositoryType }),
		resource.Joined("b.number", func(v *Version) **int64 { return &v.BaseNumber }),
		resource.Joined("br.id", func(v *Version) **string { return &v.BaseRepository }),
		resource.Joined("br.pulp_type", func(v *Version) **string { return &v.BaseType }),
		resource.Computed("repository", resource.URI(), func(s *resource.Show, v *Version) {
			s.Href(s.Names.Typed("repositories", v.RepositoryType, v.RepositoryID))
		}),
		resource.Computed("base_version", resource.URI().OrNull(), func(s *resource.Show, v *Version) {
			s.Href(versionPath(s, text(v.BaseType), text(v.BaseRepository), number(v.BaseNumber)))
		}),
		resource.Computed("content_summary", summarySchema(), showSummary),
		resource.Computed("vuln_report", resource.URI(), func(s *resource.Show, v *Version) {
			s.String(s.Names.Href("vuln_report/?repo_versions=" + ident.PRN(repository.VersionModel, v.ID)))
		}),
	)
}

func versionPath(s *resource.Show, repositoryType, repositoryID string, n int64) string {
	path := s.Names.Typed("repositories", repositoryType, repositoryID)
	if path == "" {
		return ""
	}
	return path + "versions/" + strconv.FormatInt(n, 10) + "/"
}

func summarySchema() resource.Schema {
	counts := resource.Schema{"type": "object", "additionalProperties": resource.Schema{"type": "object"}}
	return resource.Schema{"type": "object", "properties": map[string]resource.Schema{"added": counts, "removed": counts, "present": counts}}
}

type summaryEntry struct {
	Count int64  `json:"count"`
	Href  string `json:"href"`
}

// showSummary writes counts by type with links to the units; types without units are absent.
func showSummary(s *resource.Show, v *Version) {
	counts, err := v.ReadCounts()
	if err != nil {
		panic("the counts of version " + v.ID + " are not readable: " + err.Error())
	}
	href := versionPath(s, v.RepositoryType, v.RepositoryID, v.Number)
	part := func(counts map[string]int64, parameter string) map[string]summaryEntry {
		out := map[string]summaryEntry{}
		for pulpType, n := range counts {
			if kind, known := s.Names.Kinds.ByType("content", pulpType); known && n > 0 {
				out[pulpType] = summaryEntry{Count: n, Href: s.Names.Href(kind.Path + "/?" + parameter + "=" + s.Names.Href(href))}
			}
		}
		return out
	}
	s.Value(struct {
		Added   map[string]summaryEntry `json:"added"`
		Removed map[string]summaryEntry `json:"removed"`
		Present map[string]summaryEntry `json:"present"`
	}{part(counts.Added, "repository_version_added"), part(counts.Removed, "repository_version_removed"), part(counts.Present, "repository_version")})
}

// VersionFilters are those of every list of versions.
func VersionFilters() []resource.Filter {
	return append(resource.Moments("pulp_created", "d.pulp_created"), containsContent("content", resource.String()), containsContent("content__in", resource.URIs()))
}

// containsContent filters versions that hold any of the given units.
func containsContent(name string, schema resource.Schema) resource.Filter {
	return resource.Filter{Name: name, Schema: schema, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		units, err := contentIDs(f, value)
		return resource.Cond{SQL: `EXISTS (SELECT 1 FROM core_repository_contents rc WHERE rc.repository_id = d.repository_id AND rc.content_id IN ?
			AND rc.version_added <= d.number AND (rc.version_removed IS NULL OR rc.version_removed > d.number))`, Args: []any{units}}, err
	}}
}

// contentIDs follows a comma list of units.
func contentIDs(f *resource.Filtering, value string) ([]string, error) {
	var units []string
	for item := range strings.SplitSeq(value, ",") {
		o, err := f.Resolve(item, resource.Target{Family: "content"})
		if err != nil {
			return nil, err
		}
		units = append(units, o.ID)
	}
	return units, nil
}

// versions are the versions of one type of repositories, nested under each repository.
func versions(of Kind) *resource.Of[Version] {
	label := of.Model()
	access := resource.Permissions(label, "repair")
	return &resource.Of[Version]{
		Path: of.Path + "/{repository}/versions", Model: repository.VersionModel, Component: "RepositoryVersion", Doc: "A version of a repository.",
		HrefName: strings.TrimSuffix(resource.HrefName(of.Component), "_href") + "_version_href",
		Source:   VersionSource, Base: func(v *Version) *model.Base { return &v.Base },
		Fields: VersionFields(), Filters: VersionFilters(), Key: "d.number",
		Within: func(c *resource.Call) (resource.Cond, error) { return within(c, of) },
		Parents: func(c *resource.Call) error {
			_, err := within(c, of)
			return err
		}, Relation: "repository",
		Offers: []resource.Verb{resource.List, resource.Read, resource.Delete}, Access: access,
		Actions: []resource.Action[Version]{repairAction(label)},
		DeleteBy: func(c *resource.Call, v *Version) (*resource.Answer, error) {
			return c.Dispatch(repository.DeleteVersionArgs{Version: v.ID, RepositoryPRN: ident.PRN(label, v.RepositoryID)}, func(tx *db.Tx) error {
				return repository.RefuseProtected(tx, &v.RepositoryVersion)
			})
		},
	}
}

// within limits versions to the repository of the route, which must be there and of the type.
func within(c *resource.Call, of Kind) (resource.Cond, error) {
	id, ok := ident.Parse(c.Param("repository"))
	if !ok {
		return resource.Cond{}, errs.New(errs.NotFound, "Not found.")
	}
	c.Parent("repository", auth.Object{Model: of.Model(), ID: id})
	seen, err := c.Viewer().Sees(of.Model(), resource.Permission("view", of.Model()), "id")
	if err != nil {
		return resource.Cond{}, err
	}
	var n int64
	err = c.Env.DB.Read(c.Context()).Table("core_repositories").Where("id = ? AND pulp_type = ? AND domain_id = ?", id, of.Type, c.Domain).Where(seen.SQL, seen.Args...).Count(&n).Error
	if err == nil && n == 0 {
		err = errs.New(errs.NotFound, "Not found.")
	}
	return resource.Cond{SQL: "d.repository_id = ?", Args: []any{id}}, err
}

// locateVersion resolves …/<repository>/versions/<number>/ whatever the type in front says.
func locateVersion(ctx context.Context, tx *gorm.DB, path string) (string, bool, error) {
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	n := len(parts)
	if n < 4 || parts[0] != "repositories" || parts[n-2] != "versions" {
		return "", false, nil
	}
	repo, valid := ident.Parse(parts[n-3])
	wanted, isNumber := versionNumber(parts[n-1])
	if !valid || !isNumber {
		return "", false, nil
	}
	var found []string
	err := tx.WithContext(ctx).Table("core_repository_versions").Where("repository_id = ? AND number = ?", repo, wanted).Limit(1).Pluck("id", &found).Error
	if err != nil || len(found) == 0 {
		return "", err == nil, err // told in the same way as one that may not be seen
	}
	return found[0], true, nil
}

func versionNumber(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
