package resource

import (
	"reflect"
	"strings"
)

// Columns are the columns that fields keep in the resource's own table, beside its identity and domain.
func Columns[M any](fields []Field[M]) []string {
	var names []string
	for i := range fields {
		name, own := strings.CutPrefix(fields[i].column, "d.")
		if own && !fields[i].derived && name != "id" && name != "domain_id" {
			names = append(names, name)
		}
	}
	return names
}

// Values are what a row keeps in these columns, in the same order.
func Values[M any](fields []Field[M], m *M) []any {
	var values []any
	for i := range fields {
		name, own := strings.CutPrefix(fields[i].column, "d.")
		if own && !fields[i].derived && name != "id" && name != "domain_id" {
			values = append(values, reflect.ValueOf(fields[i].pointer(m)).Elem().Interface())
		}
	}
	return values
}
