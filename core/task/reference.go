package task

// Reference is an object that a task will need and that nothing else may refer to yet.
type Reference struct {
	// Table is "core_artifacts" or "core_contents".
	Table string
	// ID is the object's identity.
	ID string
}

// Referrer are arguments that refer to artifacts or content. While the task is not finished, no clean-up takes these.
type Referrer interface {
	// Refers names them.
	Refers() []Reference
}

// References makes the references to objects of one table.
func References(table string, ids ...string) []Reference {
	out := make([]Reference, 0, len(ids))
	for _, id := range ids {
		out = append(out, Reference{Table: table, ID: id})
	}
	return out
}
