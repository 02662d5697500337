package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	modernc "modernc.org/sqlite"

	"github.com/packhouse/packhouse/core/errs"
)

// openSQLite opens one file twice: a single connection that writes, and a few that can only read. One writer means
// that writes queue in the process, fairly and with a context, rather than poll for the lock of the file.
func openSQLite(ctx context.Context, u *url.URL, o Options) (*DB, error) {
	if u.Host != "" || !filepath.IsAbs(u.Path) || u.RawQuery != "" {
		return nil, errs.New(errs.Invalid, "the database address %q does not name a file, write sqlite:///absolute/path/file.db without anything behind it", u.Redacted())
	}
	if err := registerFunctions(); err != nil {
		return nil, errs.New(errs.Internal, "add the functions of Packhouse to SQLite: %w", err)
	}
	if err := ownFile(u.Path); err != nil {
		return nil, err
	}
	writer, err := sqlitePool(ctx, writerDSN(u.Path), 1, o)
	if err != nil {
		return nil, err
	}
	reader, err := sqlitePool(ctx, readerDSN(u.Path), min(max(o.MaxConnections, 4), 8), o)
	if err != nil {
		return nil, errors.Join(err, closer(writer)())
	}
	return &DB{dialect: SQLite, reader: reader, writer: writer, close: []func() error{closer(reader), closer(writer)}}, nil
}

// ownFile creates the file before SQLite does, so that nobody else can read it; its companions inherit the mode.
func ownFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return errs.New(errs.Invalid, "the folder of the database file %s does not exist, create it first: %w", path, err)
	}
	if err != nil {
		return errs.New(errs.Unavailable, "open the database file, check that this user may write to it: %w", err)
	}
	return f.Close()
}

// writerDSN: immediate transactions take the write lock at their start, so a read followed by a write never fails
// as locked. Times are written as UTC text of one form, which sorts as time does.
func writerDSN(path string) string {
	return sqliteDSN(path, url.Values{
		"_txlock":       {"immediate"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"NORMAL"},
		"_foreign_keys": {"on"},
		"_pragma":       {"cache_size(-65536)", "case_sensitive_like(1)", "journal_size_limit(67108864)"},
	})
}

func readerDSN(path string) string {
	return sqliteDSN(path, url.Values{
		"_txlock":     {"deferred"},
		"_query_only": {"on"},
		"_pragma":     {"cache_size(-16384)", "case_sensitive_like(1)"},
	})
}

func sqliteDSN(path string, values url.Values) string {
	values.Set("_busy_timeout", "10000")
	values.Set("_time_format", "sqlite")
	values.Set("_timezone", "UTC")
	return (&url.URL{Scheme: "file", Path: path, RawQuery: values.Encode()}).String()
}

func sqlitePool(ctx context.Context, dsn string, size int, o Options) (*gorm.DB, error) {
	connector, err := modernc.NewConnector(dsn)
	if err != nil {
		return nil, errs.New(errs.Internal, "prepare the connection to SQLite: %w", err)
	}
	pool := sql.OpenDB(microsecondConnector{connector})
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(errs.New(errs.Unavailable, "open the database file, check that it is a database of SQLite and that the disk is well: %w", err), pool.Close())
	}
	g, err := openGorm(sqliteDialector{sqlite.Dialector{Conn: pool}}, o.Log)
	if err != nil {
		return nil, errors.Join(Translate(err), pool.Close())
	}
	return g, nil
}

func closer(g *gorm.DB) func() error {
	return func() error {
		pool, err := g.DB()
		if err != nil {
			return err
		}
		return pool.Close()
	}
}

// sqliteDialector is gorm's dialect with our reading of errors, since gorm's does not know this driver's.
type sqliteDialector struct{ sqlite.Dialector }

// Translate gives the error a kind.
func (sqliteDialector) Translate(err error) error { return Translate(err) }

// microsecondConnector opens connections that cut times to microseconds, as PostgreSQL does.
type microsecondConnector struct{ driver.Connector }

// Connect opens a connection.
func (c microsecondConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(sqliteConn)
	if !ok {
		return nil, errors.Join(errs.New(errs.Internal, "the SQLite driver lacks a method that this build needs"), conn.Close())
	}
	return microsecondConn{full}, nil
}

var (
	_ gorm.ErrorTranslator     = sqliteDialector{}
	_ driver.Connector         = microsecondConnector{}
	_ driver.NamedValueChecker = microsecondConn{}
)
