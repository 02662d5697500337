package noun

import (
	"slices"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// saved stores the paths that a request names, and leaves them alone when it names none. A new source without paths
// has an empty one, which is the URL of its remote.
func (k ACSKind[A]) saved(w *resource.Work, a *ACS, old *A) error {
	if err := holdRemote(w, &a.RemoteID); err != nil {
		return err
	}
	if old != nil && k.Row(old).RemoteID != a.RemoteID {
		if err := unmark(w, a.ID, k.Row(old).RemoteID); err != nil {
			return err
		}
	}
	if old != nil && a.Given == nil {
		return nil
	}
	given := a.Given
	if len(given) == 0 {
		given = []string{""}
	}
	if err := removePaths(w, a, given); err != nil {
		return err
	}
	return addPaths(w, a, given)
}

func addPaths(w *resource.Work, a *ACS, given []string) error {
	known := pathsOf(a)
	for _, path := range given {
		if slices.Contains(known, path) {
			continue
		}
		if err := w.Tx.Create(&model.AlternatePath{ID: ident.New(), ACSID: a.ID, Path: path}).Error; err != nil {
			return err
		}
	}
	return nil
}

// removePaths removes the paths that are not wanted any more, with what was found there.
func removePaths(w *resource.Work, a *ACS, wanted []string) error {
	for _, p := range a.Paths {
		if slices.Contains(wanted, p.Path) {
			continue
		}
		if err := w.Tx.Where("id = ?", p.ID).Delete(&model.AlternatePath{}).Error; err != nil {
			return err
		}
		if err := removeHidden(w, p); err != nil {
			return err
		}
	}
	return nil
}

// drop removes the hidden repositories of a source that is being deleted; its paths go with its row.
func drop(w *resource.Work, a *ACS) error {
	for _, p := range a.Paths {
		if err := removeHidden(w, p); err != nil {
			return err
		}
	}
	return unmark(w, a.ID, a.RemoteID)
}

func removeHidden(w *resource.Work, p model.AlternatePath) error {
	if p.RepositoryID == nil {
		return nil
	}
	return w.Tx.Exec("DELETE FROM core_repositories WHERE id = ?", *p.RepositoryID).Error
}

// unmark makes what was found at a remote plain places of these files again, when a source gives the remote up that no
// other source has.
func unmark(w *resource.Work, acs, remote string) error {
	return w.Tx.Exec(`UPDATE core_remote_artifacts SET alternate = FALSE WHERE remote_id = ? AND alternate
		AND NOT EXISTS (SELECT 1 FROM core_alternate_content_sources s WHERE s.remote_id = ? AND s.id <> ?)`, remote, remote, acs).Error
}
