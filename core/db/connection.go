package db

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"
)

// OnConnection runs work on one connection outside a transaction, for locks of a session and for statements that
// refuse a transaction. On SQLite that is the only writing connection, so InTx inside work would wait for ever. On
// PostgreSQL the connection is ended afterwards: nothing that work left in the session can reach anyone else.
func (d *DB) OnConnection(ctx context.Context, work func(conn *gorm.DB) error) error {
	d.mustBeOutside(ctx)
	return fresh(ctx, d.writer).Connection(func(conn *gorm.DB) (err error) {
		if d.dialect == Postgres {
			defer func() { err = errors.Join(err, d.end(ctx, conn)) }()
		}
		return work(fresh(ctx, conn))
	})
}

// InRebuild is InTx for work that replaces tables. SQLite then does not look at foreign keys, since dropping the old
// table would delete what refers to it; they are all checked before the commit. On PostgreSQL it is InTx.
func (d *DB) InRebuild(ctx context.Context, work func(tx *Tx) error) error {
	if d.dialect == Postgres {
		return d.InTx(ctx, work)
	}
	return d.OnConnection(ctx, func(conn *gorm.DB) (err error) {
		if err := conn.Exec("PRAGMA foreign_keys = OFF").Error; err != nil {
			return err
		}
		defer func() {
			// Must happen even when ctx is done: the connection goes on to serve every other writer.
			back := fresh(context.WithoutCancel(ctx), conn).Exec("PRAGMA foreign_keys = ON").Error
			err = errors.Join(err, back)
		}()
		return d.once(ctx, conn, func(tx *Tx) error {
			if err := work(tx); err != nil {
				return err
			}
			return tx.checkForeignKeys()
		})
	})
}

func (d *DB) end(ctx context.Context, conn *gorm.DB) error {
	held, ok := conn.Statement.ConnPool.(*sql.Conn)
	if !ok {
		return nil
	}
	// The session must end although ctx may be done.
	detached := context.WithoutCancel(ctx)
	err := held.Raw(func(driverConn any) error { return closePgx(detached, driverConn) })
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}
