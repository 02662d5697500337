package serve

import (
	"fmt"
	"time"

	"gorm.io/gorm"
)

// A stamp is a text that is another one whenever a distribution may serve something else: when it was changed, or what it
// serves was published, added or deleted. It is made of what there is, so no writer has to think of it. Identities and
// not numbers of versions: a number comes back when a database is restored from a copy, an identity does not. Another text
// for the same rows needs another formNumber.
const stampColumns = `d.id AS id, d.pulp_type AS pulp_type, d.domain_id AS domain_id, d.content_guard_id AS guard, d.base_path AS base_path, d.publication_id AS publication,
	d.repository_version_id AS version, d.repository_id AS repository, d.remote_id AS remote, d.checkpoint AS checkpoint, d.pulp_last_updated AS changed,
	(SELECT max(CAST(p.id AS text)) FROM core_publications p WHERE p.repository_version_id = d.repository_version_id AND p.complete) AS of_version,
	(SELECT p.id FROM core_publications p WHERE p.repository_id = d.repository_id AND p.complete ORDER BY p.version_number DESC, p.id DESC LIMIT 1) AS of_repository,
	(SELECT v.id FROM core_repositories r JOIN core_repository_versions v ON v.repository_id = r.id AND v.number = r.latest_version WHERE r.id = d.repository_id) AS latest,
	CASE WHEN d.checkpoint THEN (SELECT CAST(count(*) + 1000000 * sum(p.version_number) AS bigint) FROM core_publications p WHERE p.repository_id = d.repository_id AND p.complete AND p.checkpoint) END AS checkpoints,
	CASE WHEN d.checkpoint THEN (SELECT max(CAST(p.id AS text)) FROM core_publications p WHERE p.repository_id = d.repository_id AND p.complete AND p.checkpoint) END AS last_checkpoint,
	(SELECT o.storage_stamp || ' ' || CAST(o.reclaims AS text) FROM core_domains o WHERE o.id = d.domain_id) AS storage`

// stamped is a distribution with what its stamp is made of.
type stamped struct {
	ID, PulpType, DomainID string
	Guard                  *string
	BasePath               string

	Publication, Version, Repository, Remote *string
	Checkpoint                               bool
	Changed                                  time.Time
	OfVersion, OfRepository                  *string
	Latest                                   *string
	Checkpoints                              *int64
	LastCheckpoint, Storage                  *string
}

// stamps reads the stamps of distributions, by their identities.
func (r *Resolver) stamps(tx *gorm.DB, ids []string) (map[string]stamped, error) {
	var rows []stamped
	if err := tx.Raw("SELECT "+stampColumns+" FROM core_distributions d WHERE d.id IN ?", ids).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what distributions serve: %w", err)
	}
	out := map[string]stamped{}
	for _, row := range rows {
		if r.kinds[row.PulpType].ServesPublications {
			row.Latest = nil // new versions show when they are published
		}
		out[row.ID] = row
	}
	return out, nil
}

// stamp is the text.
func (s *stamped) stamp() string {
	text := func(p *string) string {
		if p == nil {
			return "-"
		}
		return *p
	}
	number := func(p *int64) string {
		if p == nil {
			return "-"
		}
		return fmt.Sprint(*p)
	}
	return fmt.Sprint(s.PulpType, " ", text(s.Guard), " ", s.BasePath, " ", text(s.Publication), " ", text(s.Version), " ", text(s.Repository), " ", text(s.Remote), " ",
		s.Checkpoint, " ", s.Changed.UTC().Format(time.RFC3339Nano), " ", text(s.OfVersion), " ", text(s.OfRepository), " ", text(s.Latest), " ", number(s.Checkpoints), " ",
		text(s.LastCheckpoint), " ", text(s.Storage))
}
