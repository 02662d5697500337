package db

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// Table is a list of rows that a statement works on under the name w: many rows cost one round trip and one plan.
//
// On PostgreSQL each column is one array; on SQLite the rows are a VALUES list.
type Table struct {
	// Columns are names with the types of PostgreSQL: "id uuid", "relative_path text".
	Columns []Column
	Rows    [][]any
}

// Column is a column of a Table.
type Column struct {
	Name string
	// Type is how PostgreSQL spells the type, such as "uuid"; SQLite needs none.
	Type string
}

// Columns splits "id uuid" and the like.
func Columns(declared ...string) []Column {
	columns := make([]Column, len(declared))
	for i, text := range declared {
		columns[i].Name, columns[i].Type, _ = strings.Cut(text, " ")
		if columns[i].Type == "" {
			panic("db.Columns needs a name and a type, not " + text)
		}
	}
	return columns
}

// ColumnsOf gives the columns of a table with the types that the database keeps them in.
func ColumnsOf(ctx context.Context, d *DB, table string, names []string) ([]Column, error) {
	columns := make([]Column, len(names))
	types := map[string]string{}
	if d.Dialect() == Postgres {
		var found []struct{ Name, Type string }
		err := d.Read(ctx).Raw(`SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = CAST(? AS regclass) AND attnum > 0`, table).Scan(&found).Error
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			types[f.Name] = f.Type
		}
	}
	for i, name := range names {
		columns[i] = Column{Name: name, Type: types[name]}
		if columns[i].Type == "" && d.Dialect() == Postgres {
			return nil, errs.New(errs.Internal, "the table %s has no column %s; run the migrations", table, name)
		}
	}
	return columns, nil
}

// sqliteParameters is how many parameters one statement of SQLite may have.
const sqliteParameters = 32766

// From runs a statement over the rows of the table, which it names w. Rows beyond what one statement can take go into
// further ones, so the statement must treat each row by itself. It gives how many rows were affected.
func (t *Tx) From(rows Table, statement string, args ...any) (affected int64, err error) {
	err = t.pieces(rows, statement, args, func(sql string, values []any) error {
		result, err := pool(t.DB).ExecContext(t.ctx, sql, values...)
		if err != nil {
			return Translate(err)
		}
		n, err := result.RowsAffected()
		affected += n
		return Translate(err)
	})
	return affected, err
}

// Query is From for a statement that gives rows: each calls scan with what reads its columns.
func (t *Tx) Query(rows Table, statement string, scan func(read func(into ...any) error) error, args ...any) error {
	return t.pieces(rows, statement, args, func(sql string, values []any) error {
		return query(t.ctx, t.DB, sql, values, scan)
	})
}

// Query is Tx.Query outside a transaction.
func (d *DB) Query(ctx context.Context, rows Table, statement string, scan func(read func(into ...any) error) error, args ...any) error {
	return d.Bound(ctx).Query(rows, statement, scan, args...)
}

// Bound is a database with a context, for what takes a transaction or none.
func (d *DB) Bound(ctx context.Context) *Session {
	return &Session{tx: Tx{DB: d.Read(ctx), dialect: d.dialect, ctx: ctx}}
}

// Session reads outside transactions.
type Session struct{ tx Tx }

// Query is Tx.Query.
func (s *Session) Query(rows Table, statement string, scan func(read func(into ...any) error) error, args ...any) error {
	return s.tx.Query(rows, statement, scan, args...)
}

// PreferIndexes lets PostgreSQL answer the rest of the transaction by indexes. It is for statements over a Table that
// take a few steps of an index for each row: a planner that has no statistics of tables which are just being filled
// would read them whole instead, again and again.
func (t *Tx) PreferIndexes() error {
	if t.dialect != Postgres {
		return nil
	}
	return t.Exec("SELECT " + strings.Join(preferIndexes(), ", ")).Error
}

func preferIndexes() []string {
	return []string{"set_config('enable_seqscan', 'off', true)", "set_config('enable_hashjoin', 'off', true)", "set_config('enable_mergejoin', 'off', true)"}
}

// InsertRows stores the rows, whose columns are those of the table, and gives how many were stored. conflict is the
// clause for rows that are there already, such as "ON CONFLICT DO NOTHING"; empty makes them errs.Conflict.
func (t *Tx) InsertRows(table string, rows Table, conflict string) (int64, error) {
	names := make([]string, len(rows.Columns))
	for i, c := range rows.Columns {
		names[i] = c.Name
	}
	list := strings.Join(names, ", ")
	// WHERE TRUE keeps SQLite from taking ON CONFLICT for the ON of a join.
	n, err := t.From(rows, "INSERT INTO "+table+" ("+list+") SELECT "+list+" FROM w WHERE TRUE "+conflict)
	if err != nil {
		return n, fmt.Errorf("store rows in %s: %w", table, err)
	}
	return n, nil
}

// pieces puts the rows before the statement, so that their values are its first parameters.
func (t *Tx) pieces(rows Table, statement string, args []any, do func(sql string, values []any) error) error {
	if len(rows.Rows) == 0 {
		return nil
	}
	if t.dialect == Postgres {
		source, values := rows.arrays()
		return do("WITH w AS ("+source+") "+numbered(statement, len(values)), append(values, args...))
	}
	size := max((sqliteParameters-len(args))/len(rows.Columns), 1)
	for piece := range slices.Chunk(rows.Rows, size) {
		source, values := Table{Columns: rows.Columns, Rows: piece}.values()
		if err := do("WITH "+source+" "+statement, append(values, args...)); err != nil {
			return err
		}
	}
	return nil
}

// arrays is the source for PostgreSQL: an array of texts for each column, cast to its type row by row.
func (r Table) arrays() (source string, values []any) {
	var given, names, casts strings.Builder
	for i, c := range r.Columns {
		if i > 0 {
			given.WriteString(", ")
			names.WriteString(", ")
			casts.WriteString(", ")
		}
		given.WriteString("CAST($" + strconv.Itoa(i+1) + " AS text[])")
		names.WriteString("c" + strconv.Itoa(i))
		casts.WriteString("CAST(c" + strconv.Itoa(i) + " AS " + c.Type + ") AS " + c.Name)
		values = append(values, r.column(i))
	}
	return "SELECT " + casts.String() + " FROM unnest(" + given.String() + ") AS g(" + names.String() + ")", values
}

func (r Table) column(i int) []*string {
	texts := make([]*string, len(r.Rows))
	for k, row := range r.Rows {
		texts[k] = wireText(row[i])
	}
	return texts
}

// values is the source for SQLite.
func (r Table) values() (source string, values []any) {
	names := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		names[i] = c.Name
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", len(r.Columns)), ",") + "),"
	values = make([]any, 0, len(r.Rows)*len(r.Columns)+8)
	for _, one := range r.Rows {
		values = append(values, one...)
	}
	list := strings.TrimSuffix(strings.Repeat(row, len(r.Rows)), ",")
	return "w (" + strings.Join(names, ", ") + ") AS (VALUES " + list + ")", values
}

// wireText is a value in the form in which PostgreSQL reads its type; nil is NULL.
func wireText(value any) *string {
	var text string
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		text = v
	case *string:
		return v
	case []byte:
		text = string(v)
	case bool:
		text = strconv.FormatBool(v)
	case int:
		text = strconv.Itoa(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	case *int64:
		if v == nil {
			return nil
		}
		text = strconv.FormatInt(*v, 10)
	case time.Time:
		text = v.UTC().Format(time.RFC3339Nano)
	case *time.Time:
		if v == nil {
			return nil
		}
		text = v.UTC().Format(time.RFC3339Nano)
	default:
		panic(fmt.Sprintf("db.Table cannot hold a %T", value))
	}
	return &text
}

// numbered gives the question marks of a statement the numbers that PostgreSQL wants, after the first ones.
func numbered(statement string, from int) string {
	var out strings.Builder
	for i := range len(statement) {
		if statement[i] != '?' {
			out.WriteByte(statement[i])
			continue
		}
		from++
		out.WriteString("$" + strconv.Itoa(from))
	}
	return out.String()
}

func pool(g *gorm.DB) gorm.ConnPool { return g.Statement.ConnPool }

func query(ctx context.Context, g *gorm.DB, sql string, args []any, scan func(read func(into ...any) error) error) error {
	rows, err := pool(g).QueryContext(ctx, sql, args...)
	if err != nil {
		return Translate(err)
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return Translate(err)
		}
	}
	return Translate(rows.Err())
}
