package serve

// Columns of a listing, for an artifact a and a content artifact c. What is not stored shows what its remotes declared.
const (
	sizeColumn   = "COALESCE(a.size, (" + declaredSize + ")) AS size"
	digestColumn = "COALESCE(a.sha256, (" + declaredDigest + ")) AS sha256"

	declaredSize = "SELECT r.size FROM core_remote_artifacts AS r WHERE r.content_id = c.content_id AND r.relative_path = c.relative_path" +
		" AND r.size IS NOT NULL ORDER BY r.remote_id LIMIT 1"
	declaredDigest = "SELECT r.sha256 FROM core_remote_artifacts AS r WHERE r.content_id = c.content_id AND r.relative_path = c.relative_path" +
		" AND r.sha256 IS NOT NULL ORDER BY r.remote_id LIMIT 1"
)

// missing looks up what the remotes have declared about a file that is not stored.
func (s *source) missing(contentID, path string) (*Missing, error) {
	var declared []struct {
		Size   *int64
		SHA256 *string `gorm:"column:sha256"`
	}
	err := s.tx.Table("core_remote_artifacts").Select("size, sha256").
		Where("content_id = ? AND relative_path = ?", contentID, path).Order("remote_id").Scan(&declared).Error
	if err != nil {
		return nil, err
	}
	m := &Missing{ContentID: contentID, RelativePath: path}
	for _, d := range declared {
		if m.Size == nil {
			m.Size = d.Size
		}
		if m.SHA256 == "" && d.SHA256 != nil {
			m.SHA256 = *d.SHA256
		}
	}
	return m, nil
}
