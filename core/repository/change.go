package repository

// Change is a part of a version as lists of content show it.
type Change string

// The parts: what a version has, and what it added and removed beside the version before it.
const (
	Present Change = "has"
	Added   Change = "added"
	Removed Change = "removed"
)

// Rows is the condition under which a row of core_repository_contents, under an alias, belongs to the part of a
// version; previous is what Previous gives for it.
func (c Change) Rows(alias, repositoryID string, previous, number int64) (where string, args []any) {
	in := alias + ".repository_id = ? AND "
	switch c {
	case Added:
		return in + alias + ".version_added > ? AND " + alias + ".version_added <= ? AND (" + alias + ".version_removed IS NULL OR " + alias + ".version_removed > ?)",
			[]any{repositoryID, previous, number, number}
	case Removed:
		return in + alias + ".version_removed > ? AND " + alias + ".version_removed <= ? AND " + alias + ".version_added <= ?",
			[]any{repositoryID, previous, number, previous}
	}
	return in + alias + ".version_added <= ? AND (" + alias + ".version_removed IS NULL OR " + alias + ".version_removed > ?)",
		[]any{repositoryID, number, number}
}
