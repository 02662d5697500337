package migrations

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// lockName is the key of the lock that a runner holds on PostgreSQL.
const lockName = "packhouse migrations"

// ask is the pause between two tries to become the only runner.
const ask = 100 * time.Millisecond

// alone runs work while no other runner does. On PostgreSQL a session lock is held on a connection of its own, which
// the server takes back when the process dies; a proxy that shares sessions between clients breaks it, so the address
// must lead straight to the server. SQLite needs nothing here: every step begins by taking the only write lock and
// looks then whether it still has to run.
func (r *Runner) alone(ctx context.Context, work func(ctx context.Context) error) error {
	if r.db.Dialect() == db.SQLite {
		return work(ctx)
	}
	return r.db.OnConnection(ctx, func(conn *gorm.DB) error {
		if err := conn.Exec("SELECT set_config('application_name', ?, false)", runnerName()).Error; err != nil {
			return fmt.Errorf("name the session of the runner: %w", err)
		}
		if err := r.waitForLock(ctx, conn); err != nil {
			return err
		}
		err := work(ctx)
		// Without the end of ctx: it may be done. OnConnection ends the session in any case.
		unlock := conn.WithContext(context.WithoutCancel(ctx)).Exec("SELECT pg_advisory_unlock(?)", db.KeyHash(lockName)).Error
		return errors.Join(err, unlock)
	})
}

func (r *Runner) waitForLock(ctx context.Context, conn *gorm.DB) error {
	limit := time.NewTimer(r.o.LockTimeout)
	defer limit.Stop()
	tick := time.NewTicker(ask)
	defer tick.Stop()
	for told := false; ; told = true {
		var got bool
		if err := conn.Raw("SELECT pg_try_advisory_lock(?)", db.KeyHash(lockName)).Scan(&got).Error; err != nil {
			return fmt.Errorf("lock the migrations: %w", err)
		}
		if got {
			return nil
		}
		if !told {
			r.o.Log.InfoContext(ctx, "waiting for another runner of migrations", "at_most", r.o.LockTimeout)
		}
		select {
		case <-ctx.Done():
			return errs.New(errs.Canceled, "stopped waiting for another runner of migrations: %w", ctx.Err())
		case <-limit.C:
			return r.busy(conn)
		case <-tick.C:
		}
	}
}

// busy names the runner that holds the lock.
func (r *Runner) busy(conn *gorm.DB) error {
	key := uint64(db.KeyHash(lockName))
	var holder struct {
		Pid   int
		Name  string
		Addr  string
		Since time.Time
	}
	err := conn.Raw(`SELECT a.pid, a.application_name AS name, coalesce(host(a.client_addr), 'local') AS addr, a.backend_start AS since
		FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ?::bigint::oid AND l.objid = ?::bigint::oid
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
		int64(key>>32), int64(key&0xffffffff)).Scan(&holder).Error
	if err != nil {
		return fmt.Errorf("ask who runs migrations: %w", err)
	}
	return errs.New(errs.Unavailable, "another runner of migrations did not end within %s: %s from %s, server process %d, since %s; wait for it or stop it, then try again",
		r.o.LockTimeout, holder.Name, holder.Addr, holder.Pid, holder.Since.Format(time.RFC3339))
}

// runnerName tells people at the server who holds the lock; PostgreSQL keeps 63 bytes of it.
func runnerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("packhouse migrate, process %d, %.30s", os.Getpid(), host)
}
