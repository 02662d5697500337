package noun

import (
	"strconv"

	"github.com/packhouse/packhouse/core/resource"
)

// otherwiseGuarded counts the other distributions of one repository that another guard, or none, keeps.
const otherwiseGuarded = `SELECT count(*) FROM core_distributions d
	LEFT JOIN core_publications p ON p.id = d.publication_id LEFT JOIN core_repository_versions v ON v.id = d.repository_version_id
	WHERE d.domain_id = ? AND d.id <> ? AND COALESCE(d.repository_id, p.repository_id, v.repository_id) = COALESCE(?,
		(SELECT repository_id FROM core_publications WHERE id = ?), (SELECT repository_id FROM core_repository_versions WHERE id = ?))`

// warnOfOthers says when content can be had under two guards, or under one and none: who may not pass the one may ask at
// the other. That can be what is wanted, so it is not refused.
func warnOfOthers(c *resource.Call, d *Distribution) (string, error) {
	query, args := otherwiseGuarded, []any{d.DomainID, d.ID, d.RepositoryID, d.PublicationID, d.RepositoryVersionID}
	if d.ContentGuardID == nil {
		query += " AND d.content_guard_id IS NOT NULL"
	} else {
		query, args = query+" AND (d.content_guard_id IS NULL OR d.content_guard_id <> ?)", append(args, *d.ContentGuardID)
	}
	var n int
	if err := c.Env.DB.Read(c.Context()).Raw(query, args...).Scan(&n).Error; err != nil || n == 0 {
		return "", err
	}
	return "the same repository is also served by " + strconv.Itoa(n) + " distribution(s) with another content guard or none", nil
}

// guardPRN shows the PRN of a distribution's guard.
func guardPRN(s *resource.Show, d *Distribution) {
	kind, known := s.Names.Kinds.ByType("contentguards", text(d.GuardType))
	if !known {
		s.Raw("null")
		return
	}
	s.PRN(kind.Model, text(d.ContentGuardID))
}
