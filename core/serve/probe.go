package serve

import "strings"

// probe is what one statement tells of a path that does not end in a slash. Most paths are those of files, and need no
// more than this to be known as such.
type probe struct {
	// Below is set when there may be something below the path, so that it names a folder.
	Below bool
	// Published is set when the path is that of a published artifact.
	Published bool
	// Added is the version that added the unit whose file the content has under the path; -1 where there is none.
	Added int64
}

// plain gives the file under a path that names no folder, and tells whether it is done with that. It is not for units that
// have several paths: they are found in another way.
func (s *source) plain(path string) (found *Found, done bool, err error) {
	if path == "" || strings.HasSuffix(path, "/") || s.repository != "" && s.pathKeyed == "" {
		return nil, false, nil
	}
	p, err := s.probe(path)
	switch {
	case err != nil || p.Below:
		return nil, false, err
	case p.Published:
		found, err = s.publishedFile(path)
	case p.Added >= 0:
		found, err = s.keyedSince(path, p.Added)
	default:
		err = notFound()
	}
	return found, true, err
}

// probe asks. What lies below is asked for in the order of the index, and of all units that ever had the path the last one
// counts, as in keyedFile.
func (s *source) probe(path string) (probe, error) {
	below, published, added := []string{"FALSE"}, "FALSE", "-1"
	var belowArgs, args []any
	folder := path + "/"
	if s.publication != "" {
		below = append(below, "EXISTS (SELECT 1 FROM core_published_artifacts p WHERE p.publication_id = ? AND p.relative_path >= ? AND p.relative_path < ?)")
		belowArgs = append(belowArgs, s.publication, folder, after(folder))
		published = "EXISTS (SELECT 1 FROM core_published_artifacts p WHERE p.publication_id = ? AND p.relative_path = ?)"
		args = append(args, s.publication, path)
	}
	if s.repository != "" {
		below = append(below, "EXISTS (SELECT 1 FROM core_repository_contents m WHERE m.repository_id = ? AND m.repo_key >= ? AND m.repo_key < ? AND m.pulp_type = ? AND "+inVersion+")")
		belowArgs = append(belowArgs, s.repository, folder, after(folder), s.pathKeyed, s.version, s.version)
		added = `COALESCE((SELECT CASE WHEN m.version_removed IS NULL OR m.version_removed > ? THEN m.version_added END
			FROM core_repository_contents m WHERE m.repository_id = ? AND m.repo_key = ? AND m.version_added <= ? AND m.pulp_type = ? ORDER BY m.version_added DESC LIMIT 1), -1)`
		args = append(args, s.version, s.repository, path, s.version, s.pathKeyed)
	}
	var found probe
	err := s.tx.Raw("SELECT "+strings.Join(below, " OR ")+" AS below, "+published+" AS published, "+added+" AS added", append(belowArgs, args...)...).Scan(&found).Error
	return found, err
}
