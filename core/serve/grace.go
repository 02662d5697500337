package serve

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/model"
)

// mostGraceful is among how many superseded publications of a distribution a file is looked for, from the newest on.
const mostGraceful = 100

// grace looks for a file that is not there any more in what the distribution served until a while ago, so that clients
// which still hold the metadata of then get what it names. It is in no listing, and no folder. nothing is the answer where
// there is no such file.
//
// Nothing of it is remembered: it ends with time, and not with a change. Where an upstream may have the path, that is asked
// instead.
func (l *lookUp) grace(tx *gorm.DB, d *model.Distribution, nothing error) (Result, error) {
	period := l.resolver.grace
	if period <= 0 || l.pulled || !l.kind.ServesPublications || l.rel == "" || l.rel[len(l.rel)-1] == '/' {
		return Result{}, nothing
	}
	s := &source{tx: tx, pathKeyed: l.kind.PathKeyed}
	id, err := s.superseded(d.ID, l.rel, period)
	if err != nil {
		return Result{}, err
	}
	if id == "" {
		return Result{}, nothing
	}
	if s, err = s.published(tx.Where("id = ?", id)); err != nil {
		return Result{}, err
	}
	found, err := s.file(l.rel)
	if err != nil {
		return Result{}, err
	}
	l.fleeting = true
	return Result{Found: found}, nil
}

// superseded gives the publication that ceased last to be served and has the path; empty where none has. It takes at most
// mostGraceful steps of an index, twice. What will be superseded, by a clock that was ahead, does not count.
func (s *source) superseded(distribution, path string, period time.Duration) (string, error) {
	inContent, args := s.graceful(path)
	now := model.Now()
	var ids []string
	err := s.tx.Raw(`SELECT p.id FROM (SELECT publication_id, superseded_at, barred FROM core_superseded WHERE distribution_id = ? AND superseded_at > ? AND superseded_at <= ? ORDER BY superseded_at DESC LIMIT ?) AS recent
		JOIN core_publications AS p ON p.id = recent.publication_id
		WHERE NOT recent.barred AND p.complete AND (EXISTS (SELECT 1 FROM core_published_artifacts AS a WHERE a.publication_id = p.id AND a.relative_path = ?) OR p.pass_through AND `+inContent+`)
		ORDER BY recent.superseded_at DESC, p.version_number DESC, p.id DESC LIMIT 1`,
		append([]any{distribution, now.Add(-period), now.Add(clocksApart), mostGraceful, path}, args...)...).Scan(&ids).Error
	if err != nil {
		return "", fmt.Errorf("look for a file in what was served before: %w", err)
	}
	if len(ids) == 0 {
		return "", nil
	}
	return ids[0], nil
}

// graceful is the condition that the version of a publication p has content under a path.
func (s *source) graceful(path string) (condition string, args []any) {
	if s.pathKeyed != "" {
		return `COALESCE((SELECT m.version_removed IS NULL OR m.version_removed > p.version_number FROM core_repository_contents AS m
			WHERE m.repository_id = p.repository_id AND m.repo_key = ? AND m.version_added <= p.version_number AND m.pulp_type = ? ORDER BY m.version_added DESC LIMIT 1), FALSE)`,
			[]any{path, s.pathKeyed}
	}
	return `EXISTS (SELECT 1 FROM core_content_artifacts AS c CROSS JOIN core_repository_contents AS m
		WHERE c.relative_path = ? AND m.content_id = c.content_id AND m.repository_id = p.repository_id
		AND m.version_added <= p.version_number AND (m.version_removed IS NULL OR m.version_removed > p.version_number))`, []any{path}
}
