package db

import "strings"

// Dialect names a database language and spells the expressions in which the two differ.
type Dialect string

// The two dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Lower gives an SQL expression for the lower case of expr by the full Unicode rules, whatever its collation.
func (d Dialect) Lower(expr string) string {
	if d == SQLite {
		return "packhouse_lower(" + expr + ")"
	}
	// lower() obeys the collation, and under "C", which our columns have, it knows ASCII only.
	return `lower(CAST(` + expr + ` AS text) COLLATE "und-x-icu")`
}

// Regex gives an SQL condition with one placeholder, the pattern, that holds where the pattern is found in expr. A
// dot matches a line break too. Patterns that both databases read alike: literals, . * + ? {n,m} [] () | ^ $ and the
// lazy forms. A malformed pattern is Invalid.
func (d Dialect) Regex(expr string, insensitive bool) string {
	switch {
	case d == SQLite && insensitive:
		return "packhouse_imatch(" + expr + ", ?)"
	case d == SQLite:
		return "packhouse_match(" + expr + ", ?)"
	case insensitive:
		return "(" + expr + `) COLLATE "und-x-icu" ~* ?`
	}
	return "(" + expr + `) COLLATE "C" ~ ?`
}

// Like gives an SQL condition with one placeholder, the LIKE pattern, in which a backslash escapes; see EscapeLike.
func (d Dialect) Like(expr string, insensitive bool) string {
	if insensitive {
		return d.Lower(expr) + " LIKE " + d.Lower("?") + ` ESCAPE '\'`
	}
	return expr + ` LIKE ? ESCAPE '\'`
}

// EscapeLike makes text that a LIKE pattern matches literally.
func EscapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// JSONText gives an SQL expression for the member of the JSON object in column that keyPlaceholder (mostly "?")
// names, as text: NULL when there is none or it is null.
func (d Dialect) JSONText(column, keyPlaceholder string) string {
	if d == Postgres {
		return "(" + column + " ->> CAST(" + keyPlaceholder + " AS text))"
	}
	// SQLite's own ->> reads a key that looks like a path or a number as such; json_each compares it literally.
	return "(SELECT CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(value AS text) END FROM json_each(" +
		column + ") WHERE key = " + keyPlaceholder + ")"
}

// JSONHas gives an SQL condition: the JSON object in column has the member that keyPlaceholder names, null or not.
func (d Dialect) JSONHas(column, keyPlaceholder string) string {
	if d == Postgres {
		return "coalesce(jsonb_exists(" + column + ", CAST(" + keyPlaceholder + " AS text)), false)"
	}
	return "EXISTS (SELECT 1 FROM json_each(" + column + ") WHERE key = " + keyPlaceholder + ")"
}

// Now gives an SQL expression for the time at the server, in the form in which times are stored.
func (d Dialect) Now() string {
	if d == SQLite {
		return `(rtrim(rtrim(strftime('%Y-%m-%d %H:%M:%f', 'now'), '0'), '.') || '+00:00')`
	}
	return "CURRENT_TIMESTAMP"
}
