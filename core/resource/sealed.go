package resource

import (
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/secret"
)

// Sealed marks a member whose column holds values that are sealed for the purpose, so that a rotation of keys finds
// them. Secret and Password are marked already.
func (f Field[M]) Sealed(purpose string) Field[M] { f.purpose = purpose; return f }

// Seals notes columns with sealed values that no member of a resource declares.
func (e *Env) Seals(columns ...secret.Column) {
	for _, c := range columns {
		if !slices.Contains(e.sealed, c) { // kinds of one noun share its table
			e.sealed = append(e.sealed, c)
		}
	}
}

// Sealed are all columns with sealed values of the resources that are mounted.
func (e *Env) Sealed() []secret.Column { return slices.Clone(e.sealed) }

// sealed are the columns of the resource's own members.
func (d Of[M]) sealed() []secret.Column {
	var columns []secret.Column
	for _, f := range d.Fields {
		if f.purpose == "" {
			continue
		}
		table, name := d.Source.Table, strings.TrimPrefix(f.column, "d.")
		if own, ok := strings.CutPrefix(f.column, "m."); ok {
			table, name = d.Source.Master, own
		}
		if name == "" || strings.Contains(name, ".") || table == "" {
			panic(d.Path + ": the member " + f.Name + " is sealed and has no column")
		}
		columns = append(columns, secret.Column{Table: table, Column: name, Key: "id", Purpose: f.purpose})
	}
	return columns
}
