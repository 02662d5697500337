package schema

import (
	"strings"
	"text/template"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// Render gives the statements of a template text in one dialect. The macros:
//
//	{{uuid}} {{text}} {{time}} {{json}} {{int}} {{bool}} {{bytes}} {{float}}   column types
//	{{serial}}                    a whole definition: integer primary key that counts up
//	{{now}}                       the time at the server, as an expression (for defaults: DEFAULT {{now}})
//	{{lower "name"}}              lower case by the rules of Unicode, as db.Dialect.Lower, for an index
//	{{if postgres}}…{{end}}       only there
//	{{if sqlite}}…{{end}}         only there
func Render(text string, d db.Dialect) ([]string, error) {
	parsed, err := template.New("migration").Funcs(macros(d)).Parse(text)
	if err != nil {
		return nil, errs.New(errs.Invalid, "read the macros, see schema.Render for those there are: %w", err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, nil); err != nil {
		return nil, errs.New(errs.Invalid, "replace the macros: %w", err)
	}
	return Split(out.String()), nil
}

func macros(d db.Dialect) template.FuncMap {
	pg := d == db.Postgres
	either := func(postgres, sqlite string) func() string {
		return func() string {
			if pg {
				return postgres
			}
			return sqlite
		}
	}
	return template.FuncMap{
		"uuid":     either("uuid", "text"),
		"text":     either(`text COLLATE "C"`, "text"),
		"time":     either("timestamptz", "datetime"),
		"json":     either("jsonb", "text"),
		"int":      either("bigint", "integer"),
		"serial":   either("bigserial PRIMARY KEY", "integer PRIMARY KEY AUTOINCREMENT"),
		"bool":     either("boolean", "boolean"),
		"bytes":    either("bytea", "blob"),
		"float":    either("double precision", "real"),
		"now":      d.Now,
		"lower":    d.Lower,
		"postgres": func() bool { return pg },
		"sqlite":   func() bool { return !pg },
	}
}
