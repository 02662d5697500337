package resource

import (
	"context"
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

// Cond is a condition in SQL. Join, when set, is a join that makes the condition cheap; it may only be used where the
// condition must hold by itself (not under OR or NOT), and SQL is then what to ask beside it.
type Cond struct {
	SQL  string
	Args []any

	Join     string
	JoinSQL  string
	JoinArgs []any

	// Whole, when the filter is the only one, gives the list by itself.
	Whole *Whole
	// Seen tells that what the condition leaves may be seen anyway, because it is part of something that may be.
	Seen bool
}

// Whole is a list that is one set of identities in another table: its length is known, and its pages are read in the
// order of an index, from the end that is nearer.
type Whole struct {
	// From is a table with its alias, Key the column of the identities in it.
	From, Key string
	Where     string
	Args      []any
	Total     int64
}

// ids is the statement for the identities of a page of the list in descending order, which may give them in any order.
func (w *Whole) ids(at page) string {
	direction, offset, limit := "DESC", int64(at.offset), int64(at.limit)
	if offset > w.Total/2 {
		direction, offset = "ASC", w.Total-offset-limit
		if offset < 0 {
			limit, offset = max(limit+offset, 0), 0
		}
	}
	return fmt.Sprintf("SELECT %s AS page_id FROM %s WHERE %s ORDER BY %s %s LIMIT %d OFFSET %d", w.Key, w.From, w.Where, w.Key, direction, limit, offset)
}

// all joins conditions that must hold together.
func all(conds []Cond) Cond {
	var parts []string
	var args []any
	for _, c := range conds {
		parts = append(parts, "("+c.SQL+")")
		args = append(args, c.Args...)
	}
	if len(parts) == 0 {
		return Cond{SQL: "1 = 1"}
	}
	return Cond{SQL: strings.Join(parts, " AND "), Args: args}
}

// Filtering is what a filter may look at.
type Filtering struct {
	Context  context.Context
	DB       *gorm.DB
	Dialect  db.Dialect
	Registry *Registry
	Names    Names
	Domain   string
	Viewer   *Viewer
	Declared *auth.Declared
	// OrphanProtection is that of Env.
	OrphanProtection time.Duration
}

// Filter is one query parameter of a list.
type Filter struct {
	Name   string
	Schema Schema
	// Empty asks for Cond also when the value is empty; otherwise an empty value does not filter.
	Empty bool
	// Repeated takes every value of a repeated parameter: one of them is enough. Otherwise the last one counts.
	Repeated bool
	Cond     func(f *Filtering, value string) (Cond, error)
}

func simple(name string, schema Schema, sql string, convert func(string) (any, error)) Filter {
	return Filter{Name: name, Schema: schema, Cond: func(_ *Filtering, value string) (Cond, error) {
		v, err := convert(value)
		if err != nil {
			return Cond{}, errs.Field(name, "%s", err)
		}
		return Cond{SQL: sql, Args: []any{v}}, nil
	}}
}

func asText(value string) (any, error) { return value, nil }

func asInt(value string) (any, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil {
		return nil, wrong("Enter a whole number.")
	}
	return n, nil
}

func asTime(value string) (any, error) {
	t, err := parseTime(nil, value)
	if err != nil {
		return nil, wrong("Enter a valid date/time.")
	}
	return t, nil
}

// many is a filter over a comma list.
func many(name string, items Schema, sql string, convert func(string) (any, error)) Filter {
	return Filter{Name: name, Schema: arraySchema(items), Cond: func(_ *Filtering, value string) (Cond, error) {
		var args []any
		for item := range strings.SplitSeq(value, ",") {
			v, err := convert(item)
			if err != nil {
				return Cond{}, errs.Field(name, "%s", err)
			}
			args = append(args, v)
		}
		return Cond{SQL: sql, Args: []any{args}}, nil
	}}
}

func between(name string, items Schema, column string, convert func(string) (any, error)) Filter {
	return Filter{Name: name, Schema: arraySchema(items), Cond: func(_ *Filtering, value string) (Cond, error) {
		low, high, two := strings.Cut(value, ",")
		from, err := convert(low)
		to, err2 := convert(high)
		if !two || err != nil || err2 != nil {
			return Cond{}, errs.Field(name, "Range query expects two values.")
		}
		return Cond{SQL: column + " BETWEEN ? AND ?", Args: []any{from, to}}, nil
	}}
}

func nullness(name, column string) Filter {
	return Flag(name, column+" IS NULL", column+" IS NOT NULL")
}

// Flag is a boolean filter: one condition for true, one for false; any other value does not filter.
func Flag(name, yes, no string) Filter {
	return Filter{Name: name, Schema: booleanSchema(), Cond: func(_ *Filtering, value string) (Cond, error) {
		switch want, given := Boolean(value); {
		case !given:
			return Cond{SQL: "1 = 1"}, nil
		case want:
			return Cond{SQL: yes}, nil
		}
		return Cond{SQL: no}, nil
	}}
}

// Boolean reads the value of a boolean filter; anything but the words of the contract counts as not given.
func Boolean(value string) (want, given bool) {
	switch value {
	case "true", "True", "1":
		return true, true
	case "false", "False", "0":
		return false, true
	}
	return false, false
}

// Exactly is equality alone.
func Exactly(name, column string) []Filter {
	return []Filter{simple(name, stringSchema(), column+" = ?", asText)}
}

// In is equality with one of a comma list.
func In(name, column string) []Filter {
	return []Filter{many(name+"__in", stringSchema(), column+" IN ?", asText)}
}

// InNumbers is In for numbers: what is none is refused, whatever the database would make of it.
func InNumbers(name, column string) []Filter {
	return []Filter{many(name+"__in", stringSchema(), column+" IN ?", asInt)}
}

// NotEqual is inequality.
func NotEqual(name, column string) []Filter {
	return []Filter{simple(name+"__ne", stringSchema(), column+" <> ?", asText)}
}

// Contains is a case-sensitive search for a part.
func Contains(name, column string) []Filter {
	return []Filter{like(name+"__contains", column, "%", "%", false)}
}

// ContainsAnyCase is a search for a part in any case.
func ContainsAnyCase(name, column string) []Filter {
	return []Filter{like(name+"__icontains", column, "%", "%", true)}
}

// Lookups are those over names: exact, iexact, in, contains, icontains, startswith, istartswith, regex, iregex.
func Lookups(name, column string) []Filter {
	return slices.Concat(
		Exactly(name, column),
		[]Filter{like(name+"__iexact", column, "", "", true)},
		In(name, column), Contains(name, column), ContainsAnyCase(name, column),
		[]Filter{
			like(name+"__startswith", column, "", "%", false),
			like(name+"__istartswith", column, "", "%", true),
			matches(name+"__regex", column, false),
			matches(name+"__iregex", column, true),
		})
}

func like(name, column, before, after string, anyCase bool) Filter {
	return Filter{Name: name, Schema: stringSchema(), Cond: func(f *Filtering, value string) (Cond, error) {
		if before == "" && after != "" && !anyCase { // a range, which every index over the column can answer
			return prefixed(column, value), nil
		}
		return Cond{SQL: f.Dialect.Like(column, anyCase), Args: []any{before + db.EscapeLike(value) + after}}, nil
	}}
}

// prefixed asks for a prefix as a range in bytewise order.
func prefixed(column, prefix string) Cond {
	return Cond{SQL: column + " >= ? AND " + column + " < ?", Args: []any{prefix, prefix + "\U0010FFFF"}}
}

func matches(name, column string, anyCase bool) Filter {
	return Filter{Name: name, Schema: stringSchema(), Cond: func(f *Filtering, value string) (Cond, error) {
		parsed, err := syntax.Parse(value, syntax.Perl)
		if err == nil && longestRepeat(parsed) > maxRepeat {
			err = wrong("a part may be repeated at most %d times", maxRepeat)
		}
		if err != nil {
			return Cond{}, errs.Field(name, "Enter a valid regular expression: %s.", err)
		}
		return Cond{SQL: f.Dialect.Regex(column, anyCase), Args: []any{value}}, nil
	}}
}

// maxRepeat is the largest count of a repetition {n,m} that PostgreSQL takes.
const maxRepeat = 255

func longestRepeat(r *syntax.Regexp) int {
	longest := 0
	if r.Op == syntax.OpRepeat {
		longest = max(r.Min, r.Max)
	}
	for _, part := range r.Sub {
		longest = max(longest, longestRepeat(part))
	}
	return longest
}

// Moments are the look-ups over times: exact, lt, lte, gt, gte, range, isnull.
func Moments(name, column string) []Filter {
	return append(compared(name, column, formatSchema("date-time"), asTime),
		between(name+"__range", formatSchema("date-time"), column, asTime), nullness(name+"__isnull", column))
}

// Numbers are the look-ups over numbers: exact, ne, lt, lte, gt, gte, range, isnull.
func Numbers(name, column string) []Filter {
	return append(compared(name, column, integerSchema(), asInt),
		simple(name+"__ne", integerSchema(), column+" <> ?", asInt),
		between(name+"__range", integerSchema(), column, asInt), nullness(name+"__isnull", column))
}

func compared(name, column string, schema Schema, convert func(string) (any, error)) []Filter {
	return []Filter{
		simple(name, schema, column+" = ?", convert),
		simple(name+"__lt", schema, column+" < ?", convert),
		simple(name+"__lte", schema, column+" <= ?", convert),
		simple(name+"__gt", schema, column+" > ?", convert),
		simple(name+"__gte", schema, column+" >= ?", convert),
	}
}

// Choice is exact, ne and in over fixed values; another value is refused.
func Choice(values ...string) func(name, column string) []Filter {
	check := func(value string) (any, error) {
		if !slices.Contains(values, value) {
			return nil, wrong("Select a valid choice. %s is not one of the available choices.", value)
		}
		return value, nil
	}
	return func(name, column string) []Filter {
		schema := stringSchema().with("enum", values)
		return []Filter{
			simple(name, schema, column+" = ?", check),
			simple(name+"__ne", stringSchema(), column+" <> ?", check),
			many(name+"__in", schema, column+" IN ?", check),
		}
	}
}

// ReferenceFilter filters by an object: exact, and in over a comma list. A list's href means any object of its type, and
// "null", where the column may be null, means none.
func ReferenceFilter(nullable, in bool, targets ...Target) func(name, column string) []Filter {
	return func(name, column string) []Filter {
		filters := []Filter{{Name: name, Schema: formatSchema("uri"), Empty: true, Cond: func(f *Filtering, value string) (Cond, error) {
			if nullable && (value == "" || value == "null") {
				return Cond{SQL: column + " IS NULL"}, nil
			}
			if kind, ok := f.Registry.List(f.Names, value); ok && admitted(kind, targets) {
				if kind.Type == "" {
					return Cond{SQL: column + " IN (SELECT id FROM " + kind.Table + ")"}, nil
				}
				return Cond{SQL: column + " IN (SELECT id FROM " + kind.Table + " WHERE pulp_type = ?)", Args: []any{kind.Type}}, nil
			}
			id, err := f.reference(value, targets)
			return Cond{SQL: column + " = ?", Args: []any{id}}, err
		}}}
		if in {
			filters = append(filters, Filter{Name: name + "__in", Schema: arraySchema(formatSchema("uri")), Cond: func(f *Filtering, value string) (Cond, error) {
				ids, err := f.references(value, targets)
				return Cond{SQL: column + " IN ?", Args: []any{ids}}, err
			}})
		}
		return filters
	}
}

func (f *Filtering) reference(value string, targets []Target) (string, error) {
	o, err := f.Registry.locate(f.Context, f.DB, f.Names, value)
	if err != nil {
		return "", errs.Messages("%s", err)
	}
	if !admitted(o.Kind, targets) {
		return "", errs.Messages("URI %s is of another kind than is wanted here.", value)
	}
	return o.ID, nil
}

func (f *Filtering) references(value string, targets []Target) ([]string, error) {
	var ids []string
	for item := range strings.SplitSeq(value, ",") {
		id, err := f.reference(item, targets)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// Resolve follows an href or PRN given as a filter's value.
func (f *Filtering) Resolve(value string, targets ...Target) (Object, error) {
	o, err := f.Registry.Resolve(f.Context, f.DB, f.Names, f.Viewer, f.Domain, value, targets...)
	if err != nil {
		return Object{}, errs.Messages("%s", err)
	}
	return o, nil
}

// Locate reads an href or PRN given as a filter's value; the object need not exist any more.
func (f *Filtering) Locate(value string) (Object, error) {
	o, err := f.Registry.locate(f.Context, f.DB, f.Names, value)
	if err != nil {
		return Object{}, errs.Messages("%s", err)
	}
	return o, nil
}

// Items are the entries of a comma list.
func Items(value string) []string { return strings.Split(value, ",") }

// identityFilters are offered by every list: by pulp_id, href and PRN.
func identityFilters(key string, registry *Registry) []Filter {
	byReference := func(f *Filtering, value string) (Cond, error) {
		ids, err := f.references(value, nil)
		return Cond{SQL: key + " IN ?", Args: []any{ids}}, err
	}
	byPRN := func(f *Filtering, value string) (Cond, error) {
		var ids []string
		for item := range strings.SplitSeq(value, ",") {
			_, id, err := ident.ParsePRN(item)
			if err != nil {
				return Cond{}, errs.Field("prn__in", "%s", err)
			}
			id, ok := ident.Parse(id)
			if !ok {
				return Cond{}, errs.Field("prn__in", "%q does not end in a UUID.", item)
			}
			ids = append(ids, id)
		}
		return Cond{SQL: key + " IN ?", Args: []any{ids}}, nil
	}
	return []Filter{
		{Name: "prn__in", Schema: arraySchema(stringSchema()), Cond: byPRN},
		{Name: "pulp_href__in", Schema: arraySchema(stringSchema()), Cond: byReference},
		many("pulp_id__in", formatSchema("uuid"), key+" IN ?", func(value string) (any, error) {
			id, ok := ident.Parse(strings.TrimSpace(value))
			if !ok {
				return nil, wrong("Enter a valid UUID.")
			}
			return id, nil
		}),
	}
}

// Ago gives the moment so many minutes before now.
func Ago(minutes float64) time.Time {
	const century = 100 * 366 * 24 * 60 // more would overflow a time.Duration in the end
	return time.Now().UTC().Add(-time.Duration(min(minutes, century) * float64(time.Minute)))
}
