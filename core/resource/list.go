package resource

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// reserved are the query parameters of a list that are no filters.
var reserved = []string{"fields", "exclude_fields", "limit", "offset", "page_size", "minimal", "ordering", "format"}

// page is a part of a list.
type page struct {
	limit, offset int
}

func (c *Call) page() page {
	p := page{limit: c.Env.PageSize}
	if n, err := strconv.Atoi(c.Query("limit")); err == nil && n > 0 {
		p.limit = min(n, maxRows)
	}
	if n, err := strconv.Atoi(c.Query("offset")); err == nil && n > 0 {
		p.offset = min(n, maxRows)
	}
	return p
}

// maxRows bounds limit and offset, so that their sum stays a number.
const maxRows = 1 << 40

// list answers a page of rows: filtered, ordered, counted.
func (p *prepared[M]) list(c *Call) (*Answer, error) {
	cond, err := p.conditions(c)
	if err != nil {
		return nil, err
	}
	order, err := p.order(c.Query("ordering"))
	if err != nil {
		return nil, err
	}
	tx := c.Env.DB.Read(c.Context())
	if order != p.key+" DESC" {
		cond.Whole = nil
	}
	count, err := p.count(c, tx, cond)
	if err != nil {
		return nil, err
	}
	at := c.page()
	rows, err := p.pageRows(c, tx, cond, order, at)
	if err != nil {
		return nil, err
	}
	return c.pageAnswer(p, rows, count, at, c.selection(p.Minimal))
}

func (p *prepared[M]) count(c *Call, tx *gorm.DB, cond Cond) (int64, error) {
	if cond.Whole != nil {
		return cond.Whole.Total, nil
	}
	var n int64
	query := "SELECT count(*) FROM " + p.Source.from() + cond.Join + " WHERE " + cond.SQL
	return n, tx.WithContext(c.Context()).Raw(query, cond.Args...).Scan(&n).Error
}

// pageRows first picks the identities of the page from the tables that are filtered, and only then joins what is shown:
// the cost of the joins is the page's, not the list's.
func (p *prepared[M]) pageRows(c *Call, tx *gorm.DB, cond Cond, order string, at page) ([]*M, error) {
	ids, args := fmt.Sprintf("SELECT %s AS page_id FROM %s%s WHERE %s ORDER BY %s LIMIT %d OFFSET %d", p.key, p.Source.from(), cond.Join, cond.SQL, order, at.limit, at.offset), cond.Args
	if cond.Whole != nil {
		ids, args = cond.Whole.ids(at), cond.Whole.Args
	}
	query := fmt.Sprintf("SELECT %s FROM (%s) page JOIN %s ON d.id = page.page_id", p.selects, ids, p.Source.Table+" d")
	if p.Source.Master != "" {
		query += " JOIN " + p.Source.Master + " m ON m.id = d.id"
	}
	rows, err := p.scan(c.Context(), tx, query+" "+p.Source.Joins+" ORDER BY "+order, args)
	if err != nil {
		return nil, err
	}
	return rows, p.load(c.Context(), tx, c.Viewer(), rows)
}

// conditions joins what limits the list: domain, type, parent, scope, filters.
func (p *prepared[M]) conditions(c *Call) (Cond, error) {
	conds, err := p.scope(c)
	if err != nil {
		return Cond{}, err
	}
	seen, err := p.seen(c)
	if err != nil {
		return Cond{}, err
	}
	if p.Unfiltered {
		return all(append(conds, seen)), nil
	}
	filtering := &Filtering{Context: c.Context(), DB: c.Env.DB.Read(c.Context()), Dialect: c.Env.DB.Dialect(), Registry: c.Env.Registry, Names: c.Env.Names, Domain: c.Domain, Viewer: c.Viewer(), Declared: c.Env.declared(), OrphanProtection: c.Env.OrphanProtection}
	query := c.Queries()
	names := slices.Sorted(maps.Keys(query))
	if unknown := p.unknown(names); len(unknown) > 0 {
		return Cond{}, &errs.Error{Kind: errs.Invalid, Fields: map[string]any{"errors": unknown}}
	}
	joined, given, scoped := Cond{}, 0, len(conds)
	for _, name := range names {
		if slices.Contains(reserved, name) {
			continue
		}
		values := query[name]
		if !p.filters[name].Repeated {
			values = values[len(values)-1:]
		}
		one, err := p.anyOf(filtering, name, values)
		if err != nil {
			return Cond{}, err
		}
		given++
		if one.Seen {
			seen = everything
		}
		if one.Join != "" && joined.Join == "" {
			joined = one
			continue
		}
		conds = append(conds, one)
	}
	if joined.Join != "" {
		conds = append(conds, Cond{SQL: joined.JoinSQL, Args: joined.JoinArgs})
	}
	if !seen.Always() {
		conds, scoped = append(conds, seen), scoped+1
	}
	cond := all(conds)
	cond.Join = joined.Join
	if given == 1 && scoped <= 1 { // the domain alone, which the set is of
		cond.Whole = joined.Whole
	}
	return cond, nil
}

// scope is what limits the list before any filter.
func (p *prepared[M]) scope(c *Call) ([]Cond, error) {
	var conds []Cond
	if p.Base != nil && !p.Source.NoDomain {
		conds = append(conds, Cond{SQL: p.Source.domainColumn() + " = ?", Args: []any{c.Domain}})
	}
	if p.Source.Where != "" {
		conds = append(conds, Cond{SQL: p.Source.Where})
	}
	if p.Within != nil {
		within, err := p.Within(c)
		if err != nil {
			return nil, err
		}
		conds = append(conds, within)
	}
	return conds, nil
}

// seen limits rows to what the user may see.
func (p *prepared[M]) seen(c *Call) (Cond, error) {
	sees := p.sees()
	if sees == nil {
		return everything, nil
	}
	// Without scoping the policy alone limits; what a token is limited to counts all the same.
	if on, err := c.scoping(); err != nil || !on && c.User != nil && c.User.Scope == nil {
		return everything, err
	}
	return sees(c.Viewer(), p.key)
}

func (p *prepared[M]) unknown(names []string) []string {
	var unknown []string
	for _, name := range names {
		if _, known := p.filters[name]; !known && name != "q" && !slices.Contains(reserved, name) {
			unknown = append(unknown, "Invalid Filter: '"+name+"'")
		}
	}
	return unknown
}

// anyOf is the condition that one of the values of a filter holds.
func (p *prepared[M]) anyOf(f *Filtering, name string, values []string) (Cond, error) {
	one, err := p.filter(f, name, values[0])
	if err != nil || len(values) == 1 {
		return one, err
	}
	parts, args := []string{"(" + one.SQL + ")"}, one.Args
	for _, value := range values[1:] {
		next, err := p.filter(f, name, value)
		if err != nil {
			return Cond{}, err
		}
		parts, args = append(parts, "("+next.SQL+")"), append(args, next.Args...)
	}
	return Cond{SQL: strings.Join(parts, " OR "), Args: args}, nil
}

func (p *prepared[M]) filter(f *Filtering, name, value string) (Cond, error) {
	if name == "q" {
		if value == "" {
			return Cond{SQL: "1 = 1"}, nil
		}
		return expression(value, func(key, value string) (Cond, error) {
			if _, known := p.filters[key]; !known {
				return Cond{}, wrong("Filter '%s' does not exist.", key)
			}
			cond, err := p.filter(f, key, value)
			cond.Join, cond.Seen = "", false
			return cond, err
		})
	}
	filter := p.filters[name]
	if value == "" && !filter.Empty {
		return Cond{SQL: "1 = 1"}, nil
	}
	if err := storable(value); err != nil {
		return Cond{}, errs.Field(name, "%s", err)
	}
	return filter.Cond(f, value)
}

// order reads ordering=a,-b and always ends in the identity, newest first.
func (p *prepared[M]) order(value string) (string, error) {
	if p.Unfiltered {
		return p.key + " DESC", nil
	}
	var terms []string
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		bare, descending := strings.CutPrefix(name, "-")
		column, known := p.ordering[bare]
		if !known {
			return "", errs.Field("ordering", "Select a valid choice. %s is not one of the available choices.", name)
		}
		if descending {
			column += " DESC"
		}
		terms = append(terms, column)
	}
	return strings.Join(append(terms, p.key+" DESC"), ", "), nil
}

// pageAnswer writes {"count", "next", "previous", "results"}; next and previous are absolute URLs.
func (c *Call) pageAnswer(w writer, rows any, count int64, at page, sel selection) (*Answer, error) {
	s := &Show{Names: c.Env.Names, text: make([]byte, 0, w.weight(rows))}
	s.Raw(`{"count":`)
	s.Int(count)
	s.Raw(`,"next":`)
	s.NullString(c.pageLink(at.offset+at.limit, at, int64(at.offset+at.limit) < count))
	s.Raw(`,"previous":`)
	s.NullString(c.pageLink(max(at.offset-at.limit, 0), at, at.offset > 0))
	s.Raw(`,"results":[`)
	w.writeRows(s, rows, sel)
	s.Raw(`]}`)
	return &Answer{Status: 200, JSON: s.text}, nil
}

func (c *Call) pageLink(offset int, at page, exists bool) *string {
	if !exists {
		return nil
	}
	query := url.Values{}
	for name, values := range c.Queries() {
		query[name] = values
	}
	query.Set("limit", strconv.Itoa(at.limit))
	query.Set("offset", strconv.Itoa(offset))
	if offset == 0 {
		query.Del("offset")
	}
	link := c.BaseURL() + c.Path() + "?" + query.Encode()
	return &link
}
