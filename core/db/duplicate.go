package db

import (
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	modernc "modernc.org/sqlite"

	"github.com/packhouse/packhouse/core/errs"
)

// duplicate is the cause of a Conflict over a unique key.
type duplicate struct {
	constraint string
	cause      error
}

// Error is the text of the driver.
func (d *duplicate) Error() string { return d.cause.Error() }

// Unwrap gives the error of the driver.
func (d *duplicate) Unwrap() error { return d.cause }

// Duplicate tells whether err is the violation of a unique key, and which: "table(column, column)" on both databases,
// or the name of the index when it is one over expressions.
func Duplicate(err error) (constraint string, ok bool) {
	d, ok := errors.AsType[*duplicate](err)
	if !ok {
		return "", false
	}
	return d.constraint, true
}

func newDuplicate(constraint string, err error) error {
	return kind(errs.Conflict, "there is already a row with the same "+constraint+", choose another value or change that one", &duplicate{constraint: constraint, cause: err})
}

// postgresConstraint reads the columns out of a detail like `Key (a, b)=(1, 2) already exists.`, whose words depend
// on the language of the server and whose parentheses do not.
func postgresConstraint(e *pgconn.PgError) string {
	if m := keyDetail().FindStringSubmatch(e.Detail); m != nil {
		return e.TableName + "(" + m[1] + ")"
	}
	return e.ConstraintName
}

// sqliteConstraint reads a message like `UNIQUE constraint failed: t.a, t.b (2067)` or `…: index 'name' (2067)`.
func sqliteConstraint(e *modernc.Error) string {
	_, names, _ := strings.Cut(e.Error(), "constraint failed: ")
	if i := strings.LastIndex(names, "constraint failed: "); i >= 0 {
		names = names[i+len("constraint failed: "):]
	}
	if i := strings.LastIndex(names, " ("); i >= 0 {
		names = names[:i]
	}
	if index, ok := strings.CutPrefix(names, "index '"); ok {
		return strings.TrimSuffix(index, "'")
	}
	var columns []string
	table := ""
	for _, name := range strings.Split(names, ", ") {
		before, column, _ := strings.Cut(name, ".")
		table = before
		columns = append(columns, column)
	}
	return table + "(" + strings.Join(columns, ", ") + ")"
}

// keyDetail finds the columns; an expression among them has parentheses of its own and is not found.
var keyDetail = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\(([^()]+)\)=\(`) })
