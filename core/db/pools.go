package db

import (
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool are the numbers of a pool of connections.
type Pool struct {
	// Used and Idle connections are open, Max is the most that may be.
	Used, Idle, Max int
	// Waits is how often somebody had to wait for a connection, Waited for how long in all.
	Waits  int64
	Waited time.Duration
}

// Pools gives the numbers of all pools by name: "all" on PostgreSQL, "read" and "write" on SQLite.
func (d *DB) Pools() map[string]Pool {
	if d.pool != nil {
		return map[string]Pool{"all": ofPostgres(d.pool.Stat())}
	}
	read, write := d.Stats()
	return map[string]Pool{"read": ofSQL(read), "write": ofSQL(write)}
}

func ofPostgres(s *pgxpool.Stat) Pool {
	return Pool{
		Used: int(s.AcquiredConns()), Idle: int(s.IdleConns()), Max: int(s.MaxConns()),
		Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(),
	}
}

func ofSQL(s sql.DBStats) Pool {
	return Pool{Used: s.InUse, Idle: s.Idle, Max: s.MaxOpenConnections, Waits: s.WaitCount, Waited: s.WaitDuration}
}
