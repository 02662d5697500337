package serve

import (
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// inVersion is the rule of membership, for a version number given twice.
const inVersion = "m.version_added <= ? AND (m.version_removed IS NULL OR m.version_removed > ?)"

// contentFile gives the file that the version's content offers under exactly this path.
func (s *source) contentFile(path string) (*Found, error) {
	if s.pathKeyed != "" {
		return s.keyedFile(path)
	}
	var hits []hit
	err := s.byPath(hitColumns("m.added_at")).Where("c.relative_path = ?", path).Limit(2).Scan(&hits).Error
	switch {
	case err != nil:
		return nil, err
	case len(hits) == 0:
		return nil, notFound()
	case len(hits) > 1:
		return nil, errs.New(errs.Internal, "several units of this version have the path %q; publish the version to decide between them", path)
	}
	return s.found(&hits[0], path)
}

// keyedFile needs one step of the index (repository_id, repo_key, version_added): of the units that ever had the path
// the one that was added last, up to this version, is the only one that can still be there.
func (s *source) keyedFile(path string) (*Found, error) {
	unit, err := s.lastWith(path)
	if err != nil {
		return nil, err
	}
	if unit == nil || (unit.VersionRemoved != nil && *unit.VersionRemoved <= s.version) {
		return nil, notFound()
	}
	return s.keyedSince(path, unit.VersionAdded)
}

// keyedSince gives the file that the unit has which a version added.
func (s *source) keyedSince(path string, version int64) (*Found, error) {
	var hits []hit
	err := s.tx.Table("core_repository_contents AS m").Select(hitColumns("m.added_at")).
		Joins("CROSS JOIN core_content_artifacts AS c").
		Joins("LEFT JOIN core_artifacts AS a ON a.id = c.artifact_id").
		Where("m.repository_id = ? AND m.repo_key = ? AND m.version_added = ? AND m.pulp_type = ?", s.repository, path, version, s.pathKeyed).
		Where("c.content_id = m.content_id AND c.relative_path = ?", path).Scan(&hits).Error
	if err != nil {
		return nil, err
	}
	if len(hits) == 0 {
		return nil, notFound()
	}
	return s.found(&hits[0], path)
}

// interval is the part of a membership that a look-up needs.
type interval struct {
	VersionAdded   int64
	VersionRemoved *int64
}

func (s *source) lastWith(path string) (*interval, error) {
	var found []interval
	err := s.tx.Table("core_repository_contents").Select("version_added, version_removed").
		Where("repository_id = ? AND repo_key = ? AND version_added <= ? AND pulp_type = ?", s.repository, path, s.version, s.pathKeyed).
		Order("version_added DESC").Limit(1).Scan(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// contentFolder pages through the paths of the version's content below a folder.
func (s *source) contentFolder(folder string) pager {
	return func(from string, limit int) ([]row, error) {
		if s.pathKeyed != "" {
			return rowsOf(s.files(page(s.members(), "m.repo_key", from, after(folder), limit)))
		}
		q := s.byPath("c.relative_path AS path, m.added_at AS added, " + sizeColumn + ", " + digestColumn)
		return rowsOf(page(q, "c.relative_path", from, after(folder), limit))
	}
}

// byPath goes from paths to memberships. CROSS JOIN keeps SQLite, which has no statistics here, from walking through
// the whole repository instead.
func (s *source) byPath(columns string) *gorm.DB {
	return s.tx.Table("core_content_artifacts AS c").Select(columns).
		Joins("CROSS JOIN core_repository_contents AS m").
		Joins("LEFT JOIN core_artifacts AS a ON a.id = c.artifact_id").
		Where("m.content_id = c.content_id AND m.repository_id = ?", s.repository).
		Where(inVersion, s.version, s.version)
}

// members are the memberships of the version, whose keys are paths.
func (s *source) members() *gorm.DB {
	return s.tx.Table("core_repository_contents AS m").Select("m.content_id, m.repo_key, m.added_at").
		Where("m.repository_id = ? AND m.pulp_type = ?", s.repository, s.pathKeyed).
		Where(inVersion, s.version, s.version)
}

// files goes from a page of memberships to their files. The page is read before anything is joined to it: PostgreSQL takes
// the two halves of the join for independent, expects one row instead of all, and would join whole tables.
func (s *source) files(members *gorm.DB) *gorm.DB {
	return s.tx.Table("(?) AS page", members).
		Select("page.repo_key AS path, page.added_at AS added, c.content_id IS NULL AS gone, " + sizeColumn + ", " + digestColumn).
		Joins("LEFT JOIN core_content_artifacts AS c ON c.content_id = page.content_id AND c.relative_path = page.repo_key").
		Joins("LEFT JOIN core_artifacts AS a ON a.id = c.artifact_id")
}
