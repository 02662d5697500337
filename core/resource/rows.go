package resource

import (
	"bytes"
	"context"
	"reflect"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// one loads the row that conditions single out, for v, who is nil in tasks; NotFound when there is none.
func (p *prepared[M]) one(ctx context.Context, tx *gorm.DB, v *Viewer, cond Cond) (*M, error) {
	rows, err := p.scan(ctx, tx, "SELECT "+p.selects+" FROM "+p.Source.from()+" "+p.Source.Joins+" WHERE "+cond.SQL+" LIMIT 2", cond.Args)
	if err != nil {
		return nil, err
	}
	switch len(rows) {
	case 0:
		return nil, errs.New(errs.NotFound, "Not found.")
	case 1:
		if err := p.load(ctx, tx, v, rows); err != nil {
			return nil, err
		}
		if p.LoadOne != nil {
			return rows[0], p.LoadOne(p.page(ctx, tx, v), rows[0])
		}
		return rows[0], nil
	}
	return nil, errs.New(errs.Internal, "more than one row of %s where one was expected", p.Model)
}

// byID loads a row by its identity.
func (p *prepared[M]) byID(ctx context.Context, tx *gorm.DB, id string) (*M, error) {
	return p.one(ctx, tx, nil, Cond{SQL: "d.id = ?", Args: []any{Kind{Numbered: p.Source.Numbered}.key(id)}})
}

func (p *prepared[M]) load(ctx context.Context, tx *gorm.DB, v *Viewer, rows []*M) error {
	if p.Load == nil || len(rows) == 0 {
		return nil
	}
	return p.Load(p.page(ctx, tx, v), rows)
}

func (p *prepared[M]) page(ctx context.Context, tx *gorm.DB, v *Viewer) *Page {
	return &Page{Context: ctx, DB: tx, Registry: p.env.Registry, Env: p.env, Viewer: v}
}

func (p *prepared[M]) scan(ctx context.Context, tx *gorm.DB, query string, args []any) ([]*M, error) {
	cursor, err := tx.WithContext(ctx).Raw(query, args...).Rows()
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { _ = cursor.Close() }() // its error is that of Err
	var rows []*M
	into := make([]any, len(p.columns))
	for cursor.Next() {
		m := new(M)
		for i, f := range p.columns {
			into[i] = f.pointer(m)
		}
		if err := cursor.Scan(into...); err != nil {
			return nil, err
		}
		rows = append(rows, m)
	}
	return rows, db.Translate(cursor.Err())
}

// insert stores a new row: the noun's table first, then the resource's own.
func (p *prepared[M]) insert(tx *gorm.DB, m *M) error {
	if p.Source.Master != "" {
		if err := p.insertInto(tx, p.Source.Master, "m.", m); err != nil {
			return err
		}
	}
	return p.insertInto(tx, p.Source.Table, "d.", m)
}

func (p *prepared[M]) insertInto(tx *gorm.DB, table, alias string, m *M) error {
	var columns, marks []string
	var values []any
	for _, f := range p.columns {
		name, mine := p.belongs(f, alias)
		if !mine || p.Source.Numbered && name == "id" {
			continue
		}
		columns, marks, values = append(columns, name), append(marks, "?"), append(values, f.pointer(m))
	}
	query := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	if p.Source.Numbered {
		return db.Translate(tx.Raw(query+" RETURNING id", values...).Row().Scan(p.number(m)))
	}
	return db.Translate(tx.Exec(query, values...).Error)
}

// number is where a row keeps the number that the database gave it.
func (p *prepared[M]) number(m *M) any {
	for _, f := range p.columns {
		if f.column == "d.id" {
			return f.pointer(m)
		}
	}
	panic(p.Path + " is numbered and has no member with the column d.id")
}

// belongs tells whether a field's column is stored in the table with the alias; the identity and domain are in both.
func (p *prepared[M]) belongs(f *Field[M], alias string) (string, bool) {
	if f.derived {
		return "", false
	}
	prefix, name := f.column[:2], f.column[2:]
	return name, prefix == alias || name == "id" || name == "domain_id"
}

// update stores what differs between old and m.
func (p *prepared[M]) update(tx *gorm.DB, id any, old, m *M) error {
	for _, part := range []struct{ table, alias string }{{p.Source.Master, "m."}, {p.Source.Table, "d."}} {
		if part.table == "" {
			continue
		}
		var sets []string
		var values []any
		for _, f := range p.columns {
			if name, mine := p.belongs(f, part.alias); mine && !same(f.pointer(old), f.pointer(m)) {
				sets, values = append(sets, name+" = ?"), append(values, f.pointer(m))
			}
		}
		if len(sets) == 0 {
			continue
		}
		query := "UPDATE " + part.table + " SET " + strings.Join(sets, ", ") + " WHERE id = ?"
		if err := tx.Exec(query, append(values, id)...).Error; err != nil {
			return db.Translate(err)
		}
	}
	return nil
}

// changed tells whether any stored member differs.
func (p *prepared[M]) changed(old, m *M) bool {
	for _, f := range p.columns {
		if !f.derived && !same(f.pointer(old), f.pointer(m)) {
			return true
		}
	}
	return p.Differs != nil && p.Differs(m, old)
}

// same compares two pointers to values. A map that is nil and one that is empty are the same on the wire, and so are two
// ways to write one JSON value.
func same(a, b any) bool {
	if j, ok := a.(*model.JSON); ok {
		return sameJSON(*j, *b.(*model.JSON))
	}
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	if x.Kind() == reflect.Map && x.Len() == 0 && y.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a, b)
}

// sameJSON compares values, because a database keeps them in a form of its own.
func sameJSON(a, b model.JSON) bool {
	if len(a) == 0 || len(b) == 0 || bytes.Equal(a, b) {
		return bytes.Equal(a, b)
	}
	x, err := decodeJSON(a)
	y, err2 := decodeJSON(b)
	return err == nil && err2 == nil && reflect.DeepEqual(x, y)
}

// remove deletes a row; the resource's own table follows the noun's.
func (p *prepared[M]) remove(tx *gorm.DB, id any) error {
	table := p.Source.Master
	if table == "" {
		table = p.Source.Table
	}
	return db.Translate(tx.Exec("DELETE FROM "+table+" WHERE id = ?", id).Error)
}

// conflict tells a violated unique constraint under the member that it is about.
func (d *Of[M]) conflict(err error) error {
	constraint, duplicate := db.Duplicate(err)
	if !duplicate {
		return err
	}
	for name, member := range d.Unique {
		if constraint == name {
			return errs.Field(member, "This field must be unique.")
		}
	}
	return err
}

// clone copies a row deeply enough for its members to be changed one by one.
func (p *prepared[M]) clone(m *M) *M {
	c := *m
	return &c
}
