package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

const keyed = `CREATE TABLE parents (id {{uuid}} PRIMARY KEY, domain {{text}} NOT NULL, name {{text}} NOT NULL, CHECK (name <> 'bad'), UNIQUE (domain, name));
CREATE UNIQUE INDEX parents_lower ON parents (lower(name)) WHERE domain = 'lower';
CREATE TABLE children (id {{uuid}} PRIMARY KEY, parent {{uuid}} NOT NULL REFERENCES parents (id));`

func TestConstraints(t *testing.T) {
	onBoth(t, keyed, func(t *testing.T, d *db.DB) {
		exec(t, d, "INSERT INTO parents VALUES (?, 'd', 'n'), (?, 'lower', 'N')", uuid(1), uuid(2))
		exec(t, d, "INSERT INTO children VALUES (?, ?)", uuid(1), uuid(1))
		for name, c := range map[string]struct {
			statement string
			args      []any
			kind      errs.Kind
			duplicate string
		}{
			"primary key":      {"INSERT INTO parents VALUES (?, 'x', 'y')", []any{uuid(1)}, errs.Conflict, "parents(id)"},
			"unique columns":   {"INSERT INTO parents VALUES (?, 'd', 'n')", []any{uuid(3)}, errs.Conflict, "parents(domain, name)"},
			"odd values":       {"UPDATE parents SET name = 'n', domain = 'd' WHERE id = ?", []any{uuid(2)}, errs.Conflict, "parents(domain, name)"},
			"expression":       {"INSERT INTO parents VALUES (?, 'lower', 'n')", []any{uuid(3)}, errs.Conflict, "parents_lower"},
			"missing parent":   {"INSERT INTO children VALUES (?, ?)", []any{uuid(2), uuid(9)}, errs.Conflict, ""},
			"parent in use":    {"DELETE FROM parents WHERE id = ?", []any{uuid(1)}, errs.Conflict, ""},
			"check":            {"INSERT INTO parents VALUES (?, 'd', 'bad')", []any{uuid(3)}, errs.Invalid, ""},
			"missing value":    {"INSERT INTO parents (id) VALUES (?)", []any{uuid(3)}, errs.Internal, ""},
			"no such table":    {"INSERT INTO nowhere VALUES (1)", nil, errs.Internal, ""},
			"bad pattern":      {"DELETE FROM parents WHERE " + d.Dialect().Regex("name", false), []any{"a(b"}, errs.Invalid, ""},
			"bad pattern fold": {"DELETE FROM parents WHERE " + d.Dialect().Regex("name", true), []any{"[z-a]"}, errs.Invalid, ""},
		} {
			err := d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec(c.statement, c.args...).Error })
			if !errs.Is(err, c.kind) {
				t.Errorf("%s: kind %q, want %q: %v", name, errs.KindOf(err), c.kind, err)
			}
			constraint, ok := db.Duplicate(fmt.Errorf("save: %w", err))
			if constraint != c.duplicate || ok != (c.duplicate != "") {
				t.Errorf("%s: duplicate %q %v, want %q", name, constraint, ok, c.duplicate)
			}
			if ok && !strings.Contains(err.Error(), constraint) {
				t.Errorf("%s: the message does not name the key: %v", name, err)
			}
		}
	})
}

func TestDeferredForeignKeyFailsAtCommit(t *testing.T) {
	ddl := "CREATE TABLE p (id {{int}} PRIMARY KEY);\nCREATE TABLE c (p {{int}} REFERENCES p DEFERRABLE INITIALLY DEFERRED);"
	onBoth(t, ddl, func(t *testing.T, d *db.DB) {
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			tx.AfterCommit(func(context.Context) { t.Error("called") })
			return tx.Exec("INSERT INTO c VALUES (1)").Error
		})
		if !errs.Is(err, errs.Conflict) || count(t, d, "c") != 0 {
			t.Errorf("got %v", err)
		}
		exec(t, d, "INSERT INTO p VALUES (1)")
	})
}

func TestQueryIsCanceled(t *testing.T) {
	onBoth(t, counters, func(t *testing.T, d *db.DB) {
		endless := "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n > 0) SELECT count(*) FROM r WHERE n < 0"
		if d.Dialect() == db.Postgres {
			endless = "SELECT count(*) FROM pg_sleep(3600)"
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1)
		defer cancel()
		var n int
		if err := d.Read(ctx).Raw(endless).Scan(&n).Error; !errs.Is(err, errs.Unavailable) {
			t.Errorf("deadline: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		go cancel()
		if err := d.Read(ctx).Raw(endless).Scan(&n).Error; !errs.Is(err, errs.Canceled) {
			t.Errorf("cancel: %v", err)
		}
	})
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.SQLite))
	exec(t, d, "CREATE TABLE t (a blob)")
	err := d.InTx(t.Context(), func(tx *db.Tx) error {
		must(t, tx.Exec("PRAGMA max_page_count = 10").Error)
		return tx.Exec("INSERT INTO t VALUES (zeroblob(1000000))").Error
	})
	if !errs.Is(err, errs.StorageFull) {
		t.Errorf("got %v", err)
	}
}

func TestServerEndsTheConnection(t *testing.T) {
	t.Parallel()
	d := open(t, address(t, db.Postgres))
	err := d.InTx(t.Context(), func(tx *db.Tx) error {
		return tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())").Error
	})
	if !errs.Is(err, errs.Unavailable) {
		t.Errorf("got %v", err)
	}
	must(t, d.Ping(t.Context()))
}

// TestAConnectionThatBroke uses a connection once more after the server has ended it.
func TestAConnectionThatBroke(t *testing.T) {
	t.Parallel()
	connection, err := pgx.Connect(t.Context(), address(t, db.Postgres))
	must(t, err)
	must(t, connection.Close(t.Context()))
	_, err = connection.Exec(t.Context(), "SELECT 1")
	if !errs.Is(db.Translate(err), errs.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestTranslateKnown(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]errs.Kind{
		gorm.ErrRecordNotFound:                  errs.NotFound,
		sql.ErrNoRows:                           errs.NotFound,
		context.Canceled:                        errs.Canceled,
		context.DeadlineExceeded:                errs.Unavailable,
		io.ErrUnexpectedEOF:                     errs.Unavailable,
		syscall.ENOSPC:                          errs.StorageFull,
		syscall.ECONNREFUSED:                    errs.Unavailable,
		io.ErrShortWrite:                        errs.Internal,
		errs.New(errs.Forbidden, "stays as is"): errs.Forbidden,
	} {
		if got := errs.KindOf(db.Translate(fmt.Errorf("read: %w", err))); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if db.Translate(nil) != nil {
		t.Error("nil became an error")
	}
}
