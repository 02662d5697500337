package task

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/obs"
)

// Run is one task while it runs: what its work may use. It is safe for concurrent use.
type Run struct {
	// ID is the task's identity, Seq its number in the order of dispatch.
	ID  string
	Seq int64
	// Domain is the id of the domain that the task works in.
	Domain string
	// UserID is the user who asked for the work; nil for work of the system.
	UserID *int64
	// CID is the correlation id of the request that asked for it.
	CID string

	o     Setup
	saver saver
	group groupCounts
	book  logbook
	// own writes to the task's own log, log to that and to the log of the process.
	own, log *slog.Logger

	// reported is set by the first report of progress.
	reported atomic.Bool

	// turn holds something while a transaction is open.
	turn chan struct{}

	mu  sync.Mutex
	dir string
}

// Setup is what the machine gives to a Run. Tests of task functions make one by hand; the row must be in the
// database, running, with its worker.
type Setup struct {
	DB         *db.DB
	Row        *Row
	Dispatcher Dispatcher
	// Log is that of the process and gets the task's id added; nil discards.
	Log *slog.Logger
	// LogBegun tells that another process has begun the task's own log.
	LogBegun bool
	// ShowFaults shows the text of faults of ours (errs.Internal) in the task's own log too.
	ShowFaults bool
	// Folder is where Dir makes the working directory, named after the task's id; empty is the system's folder for
	// temporary files.
	Folder string
	// SaveEvery is the time between two saves of progress; 0 is two seconds.
	SaveEvery time.Duration
}

// NewRun makes the Run of a row that has just been claimed. Close must follow.
func NewRun(o Setup) *Run {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SaveEvery == 0 {
		o.SaveEvery = 2 * time.Second
	}
	if o.Folder == "" {
		o.Folder = filepath.Join(os.TempDir(), "packhouse-tasks")
	}
	o.Log = o.Log.With("task", o.Row.ID, "kind", o.Row.Name, "cid", o.Row.LoggingCID)
	if id := obs.TraceID(o.Row.Trace); id != "" {
		o.Log = o.Log.With(obs.TraceKey, id)
	}
	r := &Run{ID: o.Row.ID, Seq: o.Row.Seq, Domain: o.Row.DomainID, UserID: o.Row.CreatedBy, CID: o.Row.LoggingCID, o: o, turn: make(chan struct{}, 1)}
	r.saver.run, r.group.run = r, r
	r.openLog()
	return r
}

// Context gives ctx the task as origin, so that everything dispatched with it is the task's child, and the task's log.
func (r *Run) Context(ctx context.Context) context.Context {
	return WithOrigin(obs.WithLog(ctx, r.log), Origin{UserID: r.UserID, CID: r.CID, DomainID: r.Domain, ParentID: r.ID})
}

// DB is the database, for reading. What the task changes goes through InTx.
func (r *Run) DB() *db.DB { return r.o.DB }

// Dir is the task's own working directory, empty at the first call and removed when the task ends; what a crash
// leaves behind is removed later.
func (r *Run) Dir() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dir != "" {
		return r.dir, nil
	}
	dir := filepath.Join(r.o.Folder, r.ID)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("clear the working directory of a task: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the working directory of a task: %w", err)
	}
	r.dir = dir
	return dir, nil
}

// InTx runs work in a transaction that can only commit while this process still runs the task: a task that was
// canceled, or given up because its process seemed dead, has no effect any more and gets errs.Canceled. The
// transactions of one task follow one another.
func (r *Run) InTx(ctx context.Context, work func(tx *db.Tx) error) error {
	ours := false
	defer func() {
		if ours {
			<-r.turn
		}
	}()
	return r.o.DB.InTx(ctx, func(tx *db.Tx) error {
		if !ours { // else the transaction is tried again
			select {
			case r.turn <- struct{}{}:
				ours = true
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := r.mine(tx, ""); err != nil {
			return err
		}
		if err := work(tx); err != nil {
			return err
		}
		tx.BeforeCommit(func() error { return r.fence(tx) })
		return nil
	})
}

// Created records an object that the task made, in the transaction that makes it. Model is the label of its PRN,
// path its href below API root and domain. Clients take the first one as the result.
func (r *Run) Created(tx *db.Tx, model, id, path string) error {
	row := CreatedResource{TaskID: r.ID, Model: model, ObjectID: id, Path: path}
	if err := tx.Create(&row).Error; err != nil {
		return fmt.Errorf("record that the task created %s %s: %w", model, id, err)
	}
	return nil
}

// Dispatch dispatches a child of the task.
func (r *Run) Dispatch(ctx context.Context, tx *db.Tx, a Args, o ...Option) (*Row, error) {
	return r.o.Dispatcher.Dispatch(r.Context(ctx), tx, a, o...)
}

// Close saves log and progress for the last time and removes the working directory. Only the machine calls it, when the
// work has returned. What is said after it goes to the log of the process alone.
func (r *Run) Close(ctx context.Context) error {
	r.book.end()
	saved := r.saver.close(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dir == "" {
		return saved
	}
	if err := os.RemoveAll(r.dir); err != nil {
		return fmt.Errorf("remove the working directory of a task: %w", err)
	}
	return saved
}

// fence is the last thing before the commit: it locks the task's row and checks that the task is still ours to run. To
// lock it sooner would keep everybody from canceling the task as long as a statement takes. The lock leaves room for
// rows that refer to it, such as reports of progress.
func (r *Run) fence(tx *db.Tx) error {
	if tx.Dialect() == db.Postgres {
		return r.mine(tx, " FOR NO KEY UPDATE")
	}
	return r.mine(tx, "")
}

func (r *Run) mine(tx *db.Tx, locked string) error {
	var found []Row
	if err := tx.Raw("SELECT state, worker, started_at FROM core_tasks WHERE id = ?"+locked, r.ID).Scan(&found).Error; err != nil {
		return fmt.Errorf("check that the task still runs: %w", err)
	}
	if len(found) != 1 || found[0].State != Running || !found[0].SameClaim(r.o.Row) {
		return errs.New(errs.Canceled, "the task was canceled or given up, nothing more may be changed by it")
	}
	return nil
}
