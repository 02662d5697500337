package resource

// StartsWith is a case-sensitive search for a beginning.
func StartsWith(name, column string) []Filter {
	return []Filter{like(name+"__startswith", column, "", "%", false)}
}
