package fetch

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

// leaseTerm is how long the lease of a process that is gone keeps others waiting: with the pause between two looks less
// than they are ready to wait. It is renewed four times in that time.
const leaseTerm = 6 * time.Second

// forgotten is how long ago a lease must have run out that is swept away: its process was killed, and nobody has asked for
// the file since.
const forgotten = time.Hour

// lease is the right of one transfer to fetch a file and store it, which the transfers of other processes respect. It is
// a row, by the clock of the database. Losing one costs a second fetch and nothing else: what is stored is decided by the
// row of the unit.
type lease struct {
	*Fetcher
	place  place
	holder string
	gone   bool // with the transaction that stored the file
	stop   context.CancelFunc
	ended  chan struct{}
}

// take gives the lease of a file; nil when another transfer has it.
func (f *Fetcher) take(ctx context.Context, p place) (*lease, error) {
	l := &lease{Fetcher: f, place: p, holder: ident.New(), ended: make(chan struct{})}
	taken := false
	err := f.DB.InTx(ctx, func(tx *db.Tx) error {
		tx.Aside()
		now, err := tx.Time()
		if err != nil {
			return err
		}
		done := tx.Exec(`INSERT INTO core_fetch_leases (content_id, relative_path, holder, until) VALUES (?, ?, ?, ?)
			ON CONFLICT (content_id, relative_path) DO UPDATE SET holder = excluded.holder, until = excluded.until
			WHERE core_fetch_leases.until <= ?`, p.content, p.path, l.holder, now.Add(f.Lease), now)
		taken = done.RowsAffected > 0
		return done.Error
	})
	if err != nil || !taken {
		return nil, err
	}
	ctx, l.stop = context.WithCancel(ctx)
	go l.keepUp(ctx) // ends with release
	return l, nil
}

// leased tells whether some transfer has the lease of a file.
func (f *Fetcher) leased(ctx context.Context, p place) (bool, error) {
	var until []time.Time
	err := f.DB.Read(ctx).Raw("SELECT until FROM core_fetch_leases WHERE content_id = ? AND relative_path = ? AND until > "+f.DB.Dialect().Now(),
		p.content, p.path).Scan(&until).Error
	return len(until) > 0, err
}

// keepUp renews the lease as long as the transfer goes on. What takes so long also sweeps, which is seldom enough.
func (l *lease) keepUp(ctx context.Context) {
	defer close(l.ended)
	renew := time.NewTicker(l.Lease / 4)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
		}
		held, err := l.renew(ctx)
		if err != nil && ctx.Err() == nil {
			l.Log.Warn("the lease of a file that is being fetched could not be renewed", slog.String("path", l.place.path), slog.Any("error", err))
		}
		if err == nil && !held {
			return // it ran out, and others fetch too by now
		}
	}
}

func (l *lease) renew(ctx context.Context) (held bool, err error) {
	err = l.DB.InTx(ctx, func(tx *db.Tx) error {
		tx.Aside()
		now, err := tx.Time()
		if err != nil {
			return err
		}
		done := tx.Exec("UPDATE core_fetch_leases SET until = ? WHERE content_id = ? AND relative_path = ? AND holder = ?",
			now.Add(l.Lease), l.place.content, l.place.path, l.holder)
		held = done.RowsAffected > 0
		return errors.Join(done.Error, tx.Exec("DELETE FROM core_fetch_leases WHERE until < ?", now.Add(-forgotten)).Error)
	})
	return held, err
}

// giveBack ends the lease with a transaction.
func (l *lease) giveBack(tx *db.Tx) error {
	tx.AfterCommit(func(context.Context) { l.gone = true })
	return tx.Exec("DELETE FROM core_fetch_leases WHERE content_id = ? AND relative_path = ? AND holder = ?",
		l.place.content, l.place.path, l.holder).Error
}

// release ends the lease, if that has not been done. One that cannot be given back runs out.
func (l *lease) release(ctx context.Context) {
	l.stop()
	<-l.ended
	if l.gone {
		return
	}
	// detached: the transfer may have been ended, and others wait.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	if err := l.DB.InTx(ctx, func(tx *db.Tx) error { tx.Aside(); return l.giveBack(tx) }); err != nil && !errs.Is(err, errs.Canceled) {
		l.Log.Warn("the lease of a file could not be given back, it runs out in a moment", slog.String("path", l.place.path), slog.Any("error", err))
	}
}
