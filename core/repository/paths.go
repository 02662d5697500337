package repository

import (
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// checkPaths refuses paths that run through each other: no unit may lie where another one's folder is. Only the paths
// that this commit adds are looked at, from both sides.
func (w *commit) checkPaths() error {
	for _, t := range w.types {
		if !t.Paths {
			continue
		}
		if err := w.checkBelow(t.PulpType); err != nil {
			return err
		}
		if err := w.checkAbove(t.PulpType); err != nil {
			return err
		}
	}
	return nil
}

// checkBelow looks for members inside a new path as if it were a folder. '0' is the byte after '/'.
func (w *commit) checkBelow(pulpType string) error {
	var found []struct{ File, Below string }
	err := w.tx.Raw(`SELECT a.repo_key AS file, b.repo_key AS below FROM core_repository_contents a
		JOIN core_repository_contents b ON b.repository_id = a.repository_id AND b.repo_key > a.repo_key || '/' AND b.repo_key < a.repo_key || '0'
		WHERE a.repository_id = ? AND a.version_added = ? AND a.version_removed IS NULL AND a.pulp_type = ?
		AND b.pulp_type = ? AND b.version_removed IS NULL LIMIT 1`, w.repo.ID, w.number, pulpType, pulpType).Scan(&found).Error
	if err != nil || len(found) == 0 {
		return err
	}
	return overlap(found[0].File, found[0].Below)
}

// checkAbove looks for members where a new path has its folders.
func (w *commit) checkAbove(pulpType string) error {
	rows, err := w.tx.Raw(`SELECT repo_key FROM core_repository_contents WHERE repository_id = ? AND version_added = ? AND version_removed IS NULL AND pulp_type = ?`,
		w.repo.ID, w.number, pulpType).Rows()
	if err != nil {
		return err
	}
	folders := map[string]string{}
	for rows.Next() {
		var path string
		if err := rows.Scan(&path); err != nil {
			return err
		}
		collectFolders(folders, path)
	}
	if err := rows.Close(); err != nil {
		return err
	}
	names := make([]string, 0, len(folders))
	for name := range folders {
		names = append(names, name)
	}
	for chunk := range slices.Chunk(names, batch) {
		var found []string
		err := w.tx.Raw(`SELECT repo_key FROM core_repository_contents WHERE repository_id = ? AND pulp_type = ? AND version_removed IS NULL AND repo_key IN ? LIMIT 1`,
			w.repo.ID, pulpType, chunk).Scan(&found).Error
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return overlap(found[0], folders[found[0]])
		}
	}
	return nil
}

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
