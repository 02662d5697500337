package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/packhouse/packhouse/core/errs"
)

// Translate gives an error of the database its kind. What is not known stays as it is, a fault of ours. Everything
// that goes through gorm is translated already; this is for what does not, such as rows read by hand.
func Translate(err error) error {
	if err == nil {
		return nil
	}
	if _, done := errors.AsType[*errs.Error](err); done {
		return err
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if out := translatePostgres(e, err); out != nil {
			return out
		}
	}
	if e, ok := errors.AsType[*modernc.Error](err); ok {
		if out := translateSQLite(e, err); out != nil {
			return out
		}
	}
	return translateGeneral(err)
}

// LockTimedOut tells whether err is that of a statement which waited too long for a lock.
func LockTimedOut(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "55P03"
	}
	if e, ok := errors.AsType[*modernc.Error](err); ok {
		return e.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}

// transient tells whether the same transaction may succeed when it is run again: PostgreSQL broke a deadlock, could
// not order it, or had prepared a statement for columns that a migration has changed since.
func transient(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40P01" || e.Code == "40001" || e.Code == "0A000" && e.Routine == "RevalidateCachedQuery")
}

// translatePostgres reads the codes of PostgreSQL's manual, appendix A.
func translatePostgres(e *pgconn.PgError, err error) error {
	switch {
	case e.Code == "23505":
		return newDuplicate(postgresConstraint(e), err)
	case e.Code == "23503":
		return kind(errs.Conflict, "another row still refers to this one, or the one that this refers to is gone; look at both and try again", err)
	case e.Code == "23514", e.Code == "22001", e.Code == "22003", e.Code == "22P02", e.Code == "22021":
		return kind(errs.Invalid, "a value does not fit its column, correct it and try again", err)
	case e.Code == "2201B":
		return kind(errs.Invalid, "the regular expression is malformed, correct it", err)
	case e.Code == "57014":
		return kind(errs.Canceled, "the statement was canceled", err)
	case e.Code == "53100":
		return kind(errs.StorageFull, "the disk of the database is full, free some space", err)
	case transient(e), e.Code == "55P03", strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57P"):
		return kind(errs.Unavailable, "the database is busy or restarting, try again in a moment", err)
	}
	return nil
}

// translateSQLite reads the extended result codes, whose lowest byte is the primary one.
func translateSQLite(e *modernc.Error, err error) error {
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return newDuplicate(sqliteConstraint(e), err)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return kind(errs.Conflict, "another row still refers to this one, or the one that this refers to is gone; look at both and try again", err)
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		return kind(errs.Invalid, "a value does not fit its column, correct it and try again", err)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_INTERRUPT:
		return kind(errs.Canceled, "the statement was canceled", err)
	case sqlite3.SQLITE_FULL:
		return kind(errs.StorageFull, "the disk of the database is full, free some space", err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR:
		return kind(errs.Unavailable, "the database file is in use by another process or cannot be read, try again in a moment", err)
	case sqlite3.SQLITE_ERROR:
		if strings.Contains(e.Error(), badPattern) {
			return kind(errs.Invalid, "the regular expression is malformed, correct it", err)
		}
	}
	return nil
}

func translateGeneral(err error) error {
	var network net.Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
		return kind(errs.NotFound, "there is no such row", err)
	case errors.Is(err, context.Canceled):
		return kind(errs.Canceled, "the work was canceled", err)
	case errors.Is(err, context.DeadlineExceeded):
		return kind(errs.Unavailable, "the database did not answer in time, try again in a moment", err)
	case errors.Is(err, syscall.ENOSPC):
		return kind(errs.StorageFull, "the disk of the database is full, free some space", err)
	case lost(err), errors.As(err, &network):
		return kind(errs.Unavailable, "the connection to the database is lost, try again in a moment", err)
	}
	return err
}

func lost(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	// A connection that broke a moment ago; the type of that error has no name outside of pgconn.
	if pgconn.SafeToRetry(err) && strings.HasSuffix(err.Error(), "conn closed") {
		return true
	}
	for _, known := range []error{driver.ErrBadConn, sql.ErrConnDone, io.ErrUnexpectedEOF, io.EOF, net.ErrClosed} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// kind wraps err; its text stays out of the message, which clients may see.
func kind(k errs.Kind, message string, err error) error {
	return &errs.Error{Kind: k, Msg: message, Err: err}
}
