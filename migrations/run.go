package migrations

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

const (
	// lockTimeout is how long a statement may wait for a lock on PostgreSQL: whatever comes to a table while it waits
	// has to wait too, so it gives way before clients notice.
	lockTimeout = 5 * time.Second
	// lockTries is how often a step that gave way tries again.
	lockTries = 10
	// lockPause is the pause before the second try; each is longer than the one before.
	lockPause = 100 * time.Millisecond
)

// up runs a step forth and tells whether it did: another runner may have been first.
func (r *Runner) up(ctx context.Context, s *step) (ran bool, err error) {
	return r.run(ctx, s, forth, s.up)
}

func (r *Runner) run(ctx context.Context, s *step, direction string, statements []string) (ran bool, err error) {
	run := r.inside
	if s.NoTx && r.db.Dialect() == db.Postgres {
		run = r.outside
	}
	if ran, err = run(ctx, s, direction, statements); err != nil {
		return false, fmt.Errorf("run the migration %s %s: %w", s.ref, direction, err)
	}
	return ran, nil
}

// inside runs a step and its entry in one transaction.
func (r *Runner) inside(ctx context.Context, s *step, direction string, statements []string) (ran bool, err error) {
	begin := time.Now()
	in := r.db.InTx
	if s.Rebuild {
		in = r.db.InRebuild
	}
	err = r.patiently(ctx, func() error {
		return in(ctx, func(tx *db.Tx) error {
			due, err := r.due(tx, s, direction)
			if ran = due; err != nil || !due {
				return err
			}
			if err := r.limit(tx.DB, s); err != nil {
				return err
			}
			return r.owned(tx, s, func() error {
				if err := s.work(tx, direction, statements); err != nil {
					return err
				}
				return r.enter(tx, s, direction, false, begin)
			})
		})
	})
	return ran, err
}

func (s *step) work(tx *db.Tx, direction string, statements []string) error {
	if err := execAll(tx.Context(), tx.DB, statements); err != nil {
		return err
	}
	if s.Go == nil || direction == back {
		return nil
	}
	return s.Go(tx.Context(), tx)
}

// outside runs a step without a transaction, and marks it dirty for as long as nobody can know how far it came.
func (r *Runner) outside(ctx context.Context, s *step, direction string, statements []string) (ran bool, err error) {
	begin := time.Now()
	var before catalogue
	err = r.db.InTx(ctx, func(tx *db.Tx) error {
		due, err := r.due(tx, s, direction)
		if ran = due; err != nil || !due {
			return err
		}
		if before, err = objects(tx); err != nil {
			return err
		}
		return r.enter(tx, s, direction, true, begin)
	})
	if err != nil || !ran {
		return false, err
	}
	err = r.db.OnConnection(ctx, func(conn *gorm.DB) error {
		if err := r.limit(conn, s); err != nil {
			return err
		}
		return execAll(ctx, conn, statements)
	})
	if err != nil {
		return false, errs.New(errs.Conflict, "it is now marked as interrupted; look what it left (an invalid index, perhaps), finish or undo it by hand, then mark it as resolved: %w", err)
	}
	return true, r.db.InTx(ctx, func(tx *db.Tx) error {
		if err := own(tx, s.ref.App, before); err != nil {
			return err
		}
		return r.enter(tx, s, direction, false, begin)
	})
}

// due tells, within the transaction, whether a step still has to run.
func (r *Runner) due(tx *db.Tx, s *step, direction string) (bool, error) {
	h, err := r.load(tx.Context(), tx.DB)
	if err != nil {
		return false, err
	}
	return h.applied(s.ref) != (direction == forth), nil
}

// limit bounds the waits for locks of this transaction, or session.
func (r *Runner) limit(on *gorm.DB, s *step) error {
	if r.db.Dialect() == db.SQLite {
		return nil
	}
	wait := s.LockTimeout
	if wait == 0 {
		wait = lockTimeout
	}
	return on.Exec("SELECT set_config('lock_timeout', ?, ?)", strconv.FormatInt(wait.Milliseconds(), 10), !s.NoTx).Error
}

// patiently tries again when a lock could not be had in time.
func (r *Runner) patiently(ctx context.Context, run func() error) error {
	for n := 1; ; n++ {
		err := run()
		if err == nil || n == lockTries || !db.LockTimedOut(err) {
			return err
		}
		r.o.Log.InfoContext(ctx, "migration gave way to the work on its tables and tries again", "try", n)
		pause := time.NewTimer(time.Duration(n) * lockPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return err
		case <-pause.C:
		}
	}
}

// execAll runs statements past gorm, which would look for placeholders in them.
func execAll(ctx context.Context, on *gorm.DB, statements []string) error {
	for i, s := range statements {
		if _, err := on.Statement.ConnPool.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("statement %d (%.60s): %w", i+1, s, db.Translate(err))
		}
	}
	return nil
}
