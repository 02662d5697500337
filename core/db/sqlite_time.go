package db

import (
	"database/sql/driver"
	"time"
)

// sqliteConn is all that database/sql uses of a connection of the driver; wrapping fewer would lose a power silently.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// microsecondConn cuts the times among the parameters to whole microseconds. SQLite would keep nanoseconds, and a row
// that was just written would differ from the same row on PostgreSQL.
type microsecondConn struct{ sqliteConn }

// CheckNamedValue converts a parameter as database/sql does, and cuts times.
func (microsecondConn) CheckNamedValue(v *driver.NamedValue) error {
	value, err := driver.DefaultParameterConverter.ConvertValue(v.Value)
	if err != nil {
		return err
	}
	if t, ok := value.(time.Time); ok {
		value = t.UTC().Truncate(time.Microsecond)
	}
	v.Value = value
	return nil
}
