package db

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// attempts is how often InTx runs the work on PostgreSQL before it gives up.
const attempts = 3

// Tx is an open transaction. It embeds gorm's session, bound to the transaction and to the context of InTx.
type Tx struct {
	*gorm.DB
	dialect Dialect
	ctx     context.Context
	local   map[any]any
	before  []func() error
	after   []func(context.Context)
	aside   bool
}

// inTx marks the context of a transaction of one database.
type inTx struct{ db *DB }

// InTx runs work in a transaction and commits when it returns nil. On SQLite it has the only writing connection, and
// others wait. On PostgreSQL it runs under READ COMMITTED, and up to three times when the server breaks a deadlock or
// a conflict, so work must not change anything outside the transaction; such things belong in AfterCommit. An error
// of a statement must be returned: PostgreSQL undoes the whole transaction (a part can be tried in tx.Transaction).
// A transaction inside a transaction is a mistake in the program and panics. What Along has put into ctx joins in.
func (d *DB) InTx(ctx context.Context, work func(tx *Tx) error) error {
	d.mustBeOutside(ctx)
	return d.retried(ctx, func() error { return d.once(ctx, d.writer, work) })
}

// Commits counts the transactions that this process has committed with InTx, but for those that have said Aside. Whoever
// remembers what is in the database looks again when it has risen.
func (d *DB) Commits() uint64 { return d.commits.Load() }

// Dialect tells which database this is.
func (t *Tx) Dialect() Dialect { return t.dialect }

// Context is the context of the transaction. It knows that the transaction is open, so it must not outlive it.
func (t *Tx) Context() context.Context { return t.ctx }

// Aside says that the transaction changes nothing that anybody remembers: a sign of life, a lease, a count.
func (t *Tx) Aside() { t.aside = true }

// AfterCommit runs f with the context of the caller of InTx once the transaction is committed, in the order of the
// calls; never when it is not.
func (t *Tx) AfterCommit(f func(ctx context.Context)) { t.after = append(t.after, f) }

// Local gives the value that the transaction keeps under a key, and makes it at the first call.
func (t *Tx) Local(key any, make func() any) any {
	if _, there := t.local[key]; !there {
		if t.local == nil {
			t.local = map[any]any{}
		}
		t.local[key] = make()
	}
	return t.local[key]
}

// BeforeCommit runs f as the last thing in the transaction, in the order of the calls, when the work has succeeded. An
// error of f undoes the transaction. It is for what must be decided late and held short.
func (t *Tx) BeforeCommit(f func() error) { t.before = append(t.before, f) }

// atLast runs what was put off until the end of the transaction.
func (t *Tx) atLast() error {
	for i := 0; i < len(t.before); i++ { // one may add another
		if err := t.before[i](); err != nil {
			return err
		}
	}
	return nil
}

func (d *DB) mustBeOutside(ctx context.Context) {
	if ctx.Value(inTx{d}) != nil {
		panic("db: a second transaction was begun with the context of one that is still open; pass the Tx on instead")
	}
}

func (d *DB) retried(ctx context.Context, run func() error) error {
	for n := 1; ; n++ {
		err := run()
		if err == nil || n == attempts || !transient(err) {
			return err
		}
		// A short, uneven pause, so that the same two do not meet again.
		pause := time.NewTimer(time.Duration(n*5+rand.IntN(20)) * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return err
		case <-pause.C:
		}
	}
}

func (d *DB) once(ctx context.Context, on *gorm.DB, work func(tx *Tx) error) error {
	marked := context.WithValue(ctx, inTx{d}, true)
	session := fresh(marked, on).Begin(d.isolation())
	if session.Error != nil {
		return Translate(session.Error)
	}
	tx := &Tx{DB: session, dialect: d.dialect, ctx: marked}
	finished, committed, settle := false, false, func(bool) {}
	defer func() {
		// Also reached by a panic and by the end of the goroutine inside work.
		if !finished {
			session.Rollback()
		}
		if !committed {
			settle(false)
		}
	}()
	err := work(tx)
	if err == nil {
		settle, err = join(ctx, tx)
	}
	if err == nil {
		err = tx.atLast()
	}
	if err != nil {
		return errors.Join(because(ctx, err), rollback(session, &finished))
	}
	finished = true
	if err := session.Commit().Error; err != nil {
		return because(ctx, err)
	}
	committed = true
	if !tx.aside {
		d.commits.Add(1)
	}
	settle(true)
	for _, f := range tx.after {
		f(ctx)
	}
	return nil
}

// because says what ended the transaction: when ctx is done, database/sql undoes it on its own, and whoever comes next
// hears only that it is over.
func because(ctx context.Context, err error) error {
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return Translate(ctx.Err())
	}
	return Translate(err)
}

// rollback undoes the transaction. That it is already undone, by the server or a canceled context, is no news.
func rollback(session *gorm.DB, finished *bool) error {
	*finished = true
	err := session.Rollback().Error
	if err == nil || errors.Is(err, sql.ErrTxDone) || errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Canceled) {
		return nil
	}
	return err
}

func (d *DB) isolation() *sql.TxOptions {
	if d.dialect == Postgres {
		return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	return &sql.TxOptions{}
}
