package repository

import (
	"maps"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// checkPaths refuses paths that run through each other: no unit may lie where another one's folder is. Only the paths
// that this commit adds are looked at, from both sides.
func (w *commit) checkPaths() error {
	for _, name := range slices.Sorted(maps.Keys(w.types)) {
		if !w.types[name].Paths {
			continue
		}
		if err := w.checkBelow(name); err != nil {
			return err
		}
		if err := w.checkAbove(name); err != nil {
			return err
		}
	}
	return nil
}

// checkBelow looks for members inside a new path as if it were a folder. '0' is the byte after '/'. The search stands in
// the SELECT list, where it is done once for each new path by one index step; as a join it could begin with all members.
// The new paths are materialized because PostgreSQL, planning for any version number, would else expect the LIMIT to end
// a scan of all members at once.
func (w *commit) checkBelow(pulpType string) error {
	var found []struct{ File, Below string }
	err := w.tx.Raw(`WITH new AS MATERIALIZED (SELECT repo_key FROM core_repository_contents WHERE repository_id = ? AND version_added = ? AND pulp_type = ?)
		SELECT file, below FROM (SELECT new.repo_key AS file, (
			SELECT b.repo_key FROM core_repository_contents b WHERE b.repository_id = ? AND b.pulp_type = ? AND b.version_removed IS NULL AND b.repo_key <> ''
			AND b.repo_key > new.repo_key || '/' AND b.repo_key < new.repo_key || '0' ORDER BY b.repo_key LIMIT 1) AS below FROM new) pairs
		WHERE below IS NOT NULL LIMIT 1`, w.repo.ID, w.number, pulpType, w.repo.ID, pulpType).Scan(&found).Error
	if err != nil || len(found) == 0 {
		return err
	}
	return overlap(found[0].File, found[0].Below)
}

// checkAbove looks for members where a new path has its folders. A commit of very many paths is looked at in pieces, in
// the order of the primary key, which costs a walk through the members of the repository.
func (w *commit) checkAbove(pulpType string) error {
	folders, last, err := w.newFolders(pulpType, `version_added = ?`, "")
	for err == nil {
		if err = w.vacant(pulpType, folders); err != nil || last == "" {
			return err
		}
		folders, last, err = w.newFolders(pulpType, `version_added + 0 = ? AND content_id > ? ORDER BY content_id`, last)
	}
	return err
}

// vacant refuses folders at which a member lies.
func (w *commit) vacant(pulpType string, folders map[string]string) error {
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(folders)), batch) {
		rows := strings.TrimSuffix(strings.Repeat("(CAST(? AS text)),", len(chunk)), ",")
		args := make([]any, 0, len(chunk)+2)
		for _, folder := range chunk {
			args = append(args, folder)
		}
		var found []string
		err := w.tx.Raw(`WITH folders (path) AS (VALUES `+rows+`) SELECT path FROM folders WHERE (SELECT count(*) FROM core_repository_contents m
			WHERE m.repository_id = ? AND m.pulp_type = ? AND m.version_removed IS NULL AND m.repo_key <> '' AND m.repo_key = folders.path) > 0 LIMIT 1`,
			append(args, w.repo.ID, pulpType)...).Scan(&found).Error
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return overlap(found[0], folders[found[0]])
		}
	}
	return nil
}

// newFolders are folders of the paths that this commit adds, each with one of the paths. With too many of them it stops:
// the whole is then read again in the order of identities, from the beginning, and last is where to go on.
func (w *commit) newFolders(pulpType, which, after string) (folders map[string]string, last string, err error) {
	args := []any{w.repo.ID, pulpType, w.number}
	if after != "" {
		args = append(args, after)
	}
	rows, err := w.tx.Raw(`SELECT content_id, repo_key FROM core_repository_contents WHERE repository_id = ? AND pulp_type = ? AND `+which, args...).Rows()
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	folders = map[string]string{}
	for rows.Next() {
		var id, path string
		if err := rows.Scan(&id, &path); err != nil {
			return nil, "", err
		}
		collectFolders(folders, path)
		if len(folders) < w.folders {
			continue
		}
		if after == "" {
			id = beforeAll // what came so far came in no order
		}
		return folders, id, nil
	}
	return folders, "", rows.Err()
}

// beforeAll is an identity before all others.
const beforeAll = "00000000-0000-0000-0000-000000000000"

func collectFolders(folders map[string]string, path string) {
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		if _, seen := folders[path[:i]]; seen {
			return
		}
		folders[path[:i]] = path
	}
}

func overlap(file, below string) error {
	return errs.Coded(errs.Conflict, "PLP0022", "the paths %q and %q overlap: one is a folder of the other; remove one of them", file, below)
}
