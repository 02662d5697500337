package serve

import (
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/model"
)

// hit is a path with its artifact, whose ID is empty when the file has not been downloaded yet. The columns that begin
// with hit say whose file it is.
type hit struct {
	HitAdded   time.Time
	HitContent *string
	HitPath    *string
	model.Artifact
}

// hitColumns are the columns of a hit for a content artifact c and an artifact a; when is the column of HitAdded.
func hitColumns(when string) string {
	return when + " AS hit_added, c.content_id AS hit_content, c.relative_path AS hit_path, a.*"
}

func (s *source) found(h *hit, path string) (*Found, error) {
	if h.ID != "" {
		return &Found{Artifact: new(h.Artifact), Path: path, ContentID: deref(h.HitContent), AddedAt: h.HitAdded}, nil // a copy, as in match
	}
	if h.HitContent == nil || h.HitPath == nil {
		return nil, notFound()
	}
	missing, err := s.missing(*h.HitContent, *h.HitPath)
	if err != nil {
		return nil, err
	}
	return &Found{Missing: missing, Path: path, ContentID: *h.HitContent, AddedAt: h.HitAdded}, nil
}

// publishedFile gives the published artifact with exactly this path.
func (s *source) publishedFile(path string) (*Found, error) {
	var hits []hit
	err := s.publishedArtifacts(hitColumns("p.added_at")).
		Where("p.relative_path = ?", path).Scan(&hits).Error
	if err != nil {
		return nil, err
	}
	if len(hits) == 0 {
		return nil, notFound()
	}
	return s.found(&hits[0], path)
}

// publishedFolder pages through the published artifacts below a folder.
func (s *source) publishedFolder(folder string) pager {
	return func(from string, limit int) ([]row, error) {
		q := s.publishedArtifacts("p.relative_path AS path, p.added_at AS added, " + sizeColumn + ", " + digestColumn)
		return rowsOf(page(q, "p.relative_path", from, after(folder), limit))
	}
}

func (s *source) publishedArtifacts(columns string) *gorm.DB {
	return s.tx.Table("core_published_artifacts AS p").Select(columns).
		Joins("LEFT JOIN core_content_artifacts AS c ON c.content_id = p.content_id AND c.relative_path = p.content_path").
		Joins("LEFT JOIN core_artifacts AS a ON a.id = COALESCE(p.artifact_id, c.artifact_id)").
		Where("p.publication_id = ?", s.publication)
}

// pagers are the places where paths below a folder can be, in the order of precedence.
func (s *source) pagers(folder string) []pager {
	var all []pager
	if s.publication != "" {
		all = append(all, s.publishedFolder(folder))
	}
	if s.repository != "" {
		all = append(all, s.contentFolder(folder))
	}
	return all
}
