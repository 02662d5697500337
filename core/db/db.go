// Package db opens the database and hides which one it is.
//
// SQLite serves the embedded mode, PostgreSQL production. Everything that differs between the two is said here (how a
// transaction begins, how rows and keys are locked, what an error means, how an expression is spelled) or in a macro
// of a migration (package schema), and nowhere else. Reads go through Read, writes through InTx.
package db

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// Options says which database to open.
type Options struct {
	// URL is "sqlite:///absolute/path/file.db" or "postgres://user:password@host:port/name?sslmode=…".
	URL string
	// MaxConnections bounds the pool: of all connections on PostgreSQL (0 means 20, at least 4), of the readers on
	// SQLite (0 means 4, kept between 4 and 8).
	MaxConnections int
	// Log receives slow statements and failures, without the values of parameters; nil discards them.
	Log *slog.Logger
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dialect Dialect
	reader  *gorm.DB
	writer  *gorm.DB
	pool    *pgxpool.Pool // of PostgreSQL; the pools of gorm are empty there
	close   []func() error
	commits atomic.Uint64
}

// Open connects to the database and makes sure that it answers. A malformed URL is Invalid, a server that does not
// answer Unavailable. The file of SQLite is created when it is missing, readable by its owner only.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	u, err := url.Parse(o.URL)
	if err != nil {
		// The error of net/url repeats the whole address, and with it the password.
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		return nil, errs.New(errs.Invalid, "the database address cannot be read, write it as sqlite:///path/file.db or postgres://user@host/name: %w", err)
	}
	switch u.Scheme {
	case "sqlite":
		return openSQLite(ctx, u, o)
	case "postgres", "postgresql":
		return openPostgres(ctx, o)
	}
	return nil, errs.New(errs.Invalid, "the database address begins with %q, use sqlite:///path/file.db or postgres://user@host/name", u.Scheme)
}

// Dialect tells which database this is.
func (d *DB) Dialect() Dialect { return d.dialect }

// Read gives a session for queries outside transactions. On SQLite its connections refuse to write; on PostgreSQL
// nothing enforces it, so a write through Read is found by the tests on SQLite.
func (d *DB) Read(ctx context.Context) *gorm.DB { return fresh(ctx, d.reader) }

// Ping tells whether the database answers, on the reading and on the writing side.
func (d *DB) Ping(ctx context.Context) error {
	for _, side := range []*gorm.DB{d.reader, d.writer} {
		pool, err := side.DB()
		if err != nil {
			return Translate(err)
		}
		if err := pool.PingContext(ctx); err != nil {
			return Translate(err)
		}
	}
	return nil
}

// Close ends all connections; it waits for those in use.
func (d *DB) Close() error {
	var all []error
	for _, f := range d.close {
		all = append(all, f())
	}
	return errors.Join(all...)
}

// Stats gives the numbers of the connections of the reading and the writing pool; on PostgreSQL they are one pool.
func (d *DB) Stats() (read, write sql.DBStats) {
	if pool, err := d.reader.DB(); err == nil {
		read = pool.Stats()
	}
	if pool, err := d.writer.DB(); err == nil {
		write = pool.Stats()
	}
	return read, write
}

func fresh(ctx context.Context, g *gorm.DB) *gorm.DB {
	return g.Session(&gorm.Session{NewDB: true, Context: ctx})
}

func openGorm(dialector gorm.Dialector, log *slog.Logger) (*gorm.DB, error) {
	g, err := gorm.Open(dialector, &gorm.Config{
		// InTx is the only way to write; a second transaction around each statement is waste.
		SkipDefaultTransaction: true,
		// Named columns instead of *: a binary goes on working while the next one adds columns.
		QueryFields:    true,
		TranslateError: true,
		Logger:         statementLog{log: log},
		NowFunc:        Now,
	})
	if err != nil {
		return nil, err
	}
	// gorm translates errors everywhere but here, where Rows, Row and Scan end up.
	return g, g.Callback().Row().After("gorm:row").Register("packhouse:translate", func(tx *gorm.DB) {
		tx.Error = Translate(tx.Error)
	})
}

// Now is the current time as the databases keep it: UTC, whole microseconds, no monotonic part.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
