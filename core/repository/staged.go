package repository

import (
	"maps"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// Staged is a unit that a long task wants in its version, whose size it does not know yet.
type Staged struct {
	// Key is what must be unique inside one version; empty for types without such a key.
	Key       string
	ContentID string
}

// Stage notes units of one type for the commit of the task: in the database, so that memory does not grow with a sync.
// Of several units with one key the last one stays, in this call and over all calls.
func Stage(tx *db.Tx, taskID, pulpType string, units []Staged) error {
	rows := db.Table{Columns: db.Columns("task_id uuid", "pulp_type text", "repo_key text", "content_id uuid")}
	last := make(map[string]int, len(units))
	for _, u := range units {
		key := u.Place()
		row := []any{taskID, pulpType, key, u.ContentID}
		if i, again := last[key]; again {
			rows.Rows[i] = row
			continue
		}
		last[key] = len(rows.Rows)
		rows.Rows = append(rows.Rows, row)
	}
	_, err := tx.InsertRows("core_staged_contents", rows, "ON CONFLICT (task_id, pulp_type, repo_key) DO UPDATE SET content_id = excluded.content_id")
	return err
}

// Unstage takes back what was staged under the keys of units.
func Unstage(tx *db.Tx, taskID, pulpType string, units []Staged) error {
	rows := db.Table{Columns: db.Columns("repo_key text")}
	for _, u := range units {
		rows.Rows = append(rows.Rows, []any{u.Place()})
	}
	_, err := tx.From(rows, "DELETE FROM core_staged_contents WHERE task_id = ? AND pulp_type = ? AND repo_key IN (SELECT w.repo_key FROM w)", taskID, pulpType)
	return err
}

// Place is what the unit is staged under: its key; one without a key has a place of its own.
func (u Staged) Place() string {
	if u.Key == "" {
		return u.ContentID
	}
	return u.Key
}

// addStaged makes the version what the task staged: on top of what is there, or instead of it. Then nothing is staged
// any more.
func (w *commit) addStaged(taskID string, mirror bool) error {
	if err := w.stagedExist(taskID); err != nil {
		return err
	}
	if mirror {
		if err := w.removeUnstaged(taskID); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.types)) {
		if err := w.addStagedOf(w.types[name], taskID); err != nil {
			return duplicateKey(err)
		}
	}
	return w.exec(`DELETE FROM core_staged_contents WHERE task_id = ?`, taskID)
}

// stagedExist holds the staged units until the end of the transaction, or tells that some were cleaned up.
func (w *commit) stagedExist(taskID string) error {
	var gone int64
	err := w.tx.Raw(`SELECT count(*) FROM core_staged_contents s WHERE s.task_id = ? AND NOT EXISTS (SELECT 1 FROM core_contents c WHERE c.id = s.content_id)`, taskID).Scan(&gone).Error
	if err == nil && gone > 0 {
		return errs.New(errs.NotFound, "%d of the units to add were cleaned up before their version was made; run the task again", gone)
	}
	return err
}

// removeUnstaged lets members go that were not staged.
func (w *commit) removeUnstaged(taskID string) error {
	const unstaged = `repository_id = ? AND NOT EXISTS (SELECT 1 FROM core_staged_contents s WHERE s.task_id = ? AND s.pulp_type = core_repository_contents.pulp_type
		AND s.repo_key = CASE WHEN core_repository_contents.repo_key = '' THEN CAST(core_repository_contents.content_id AS text) ELSE core_repository_contents.repo_key END
		AND s.content_id = core_repository_contents.content_id)`
	if err := w.exec(`DELETE FROM core_repository_contents WHERE `+unstaged+` AND version_added = ?`, w.repo.ID, taskID, w.number); err != nil {
		return err
	}
	return w.exec(`UPDATE core_repository_contents SET version_removed = ? WHERE `+unstaged+` AND version_removed IS NULL`, w.number, w.repo.ID, taskID)
}

// addStagedOf adds the staged units of a type. Whose key another unit has, takes its place.
func (w *commit) addStagedOf(t ContentType, taskID string) error {
	if t.Key != "" {
		if err := w.displaceStaged(t, taskID); err != nil {
			return err
		}
	}
	err := w.exec(`UPDATE core_repository_contents SET version_removed = NULL WHERE repository_id = ? AND version_removed = ?
		AND content_id IN (SELECT s.content_id FROM core_staged_contents s WHERE s.task_id = ? AND s.pulp_type = ?)`, w.repo.ID, w.number, taskID, t.PulpType)
	if err != nil {
		return err
	}
	key := "''"
	if t.Key != "" {
		key = "s.repo_key"
	}
	return w.exec(`INSERT INTO core_repository_contents (repository_id, content_id, version_added, pulp_type, repo_key, added_at)
		SELECT '`+w.repo.ID+`', s.content_id, `+decimal(w.number)+`, s.pulp_type, `+key+`, `+w.now()+` FROM core_staged_contents s WHERE s.task_id = ? AND s.pulp_type = ?
		ON CONFLICT (repository_id, content_id) WHERE version_removed IS NULL DO NOTHING`, model.Now(), taskID, t.PulpType)
}

// displaceStaged closes members at whose places other units were staged. The holder stands in the SELECT list, where it
// is one index step for each staged unit, whatever the planner knows of the table.
func (w *commit) displaceStaged(t ContentType, taskID string) error {
	const displaced = `content_id IN (SELECT holder FROM (SELECT s.content_id, (SELECT m.content_id FROM core_repository_contents m
			WHERE m.repository_id = ? AND m.pulp_type = ? AND m.repo_key = s.repo_key AND m.repo_key <> '' AND m.version_removed IS NULL) AS holder
		FROM core_staged_contents s WHERE s.task_id = ? AND s.pulp_type = ?) pairs WHERE holder <> content_id)`
	args := []any{w.repo.ID, t.PulpType, taskID, t.PulpType}
	err := w.exec(`DELETE FROM core_repository_contents WHERE repository_id = ? AND version_added = ? AND `+displaced, append([]any{w.repo.ID, w.number}, args...)...)
	if err != nil {
		return err
	}
	return w.exec(`UPDATE core_repository_contents SET version_removed = ? WHERE repository_id = ? AND version_removed IS NULL AND `+displaced, append([]any{w.number, w.repo.ID}, args...)...)
}
