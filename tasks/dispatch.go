package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/task"
)

// purpose binds the sealed arguments to their use.
const purpose = "task.args"

// patience is how long the work after a commit may take, beyond which the sweeper does it.
const patience = 30 * time.Second

// Dispatch writes the task and its locks in the caller's transaction; see task.Dispatcher. Whether it may start is
// decided as the last thing in that transaction.
func (t *Tasks) Dispatch(ctx context.Context, tx *db.Tx, a task.Args, o ...task.Option) (*task.Row, error) {
	handler, known := t.kinds[a.Kind()]
	if !known {
		return nil, errs.New(errs.Internal, "no handler is registered for tasks of the kind %s", a.Kind())
	}
	row, locks, err := t.rowOf(ctx, a, handler.Traits(), task.Options(o...))
	if err != nil {
		return nil, err
	}
	if err := endWithGroup(tx, row); err != nil {
		return nil, err
	}
	if err := tx.Create(row).Error; err != nil {
		return nil, fmt.Errorf("dispatch %s: %w", row.Name, err)
	}
	if row.Final() {
		return row, nil
	}
	if err := tx.Create(locksOf(row.Seq, locks)).Error; err != nil {
		return nil, fmt.Errorf("reserve the resources of %s: %w", row.Name, err)
	}
	if err := refer(tx, row, a); err != nil {
		return nil, err
	}
	caps, err := t.capsOf(tx, row)
	if err != nil {
		return nil, fmt.Errorf("find the caps that count %s: %w", row.Name, err)
	}
	audit.From(ctx).Task(ident.PRN("core.task", row.ID))
	t.dispatchedIn(tx).add(row, locksOf(row.Seq, locks), caps)
	return row, nil
}

// dispatched are the tasks of one transaction.
type dispatched struct {
	t     *Tasks
	rows  []*task.Row
	locks []task.Lock
	caps  []task.Cap
}

func (t *Tasks) dispatchedIn(tx *db.Tx) *dispatched {
	return tx.Local(t, func() any {
		d := &dispatched{t: t}
		tx.BeforeCommit(func() error { return d.decide(tx) })
		tx.AfterCommit(d.committed)
		return d
	}).(*dispatched)
}

func (d *dispatched) add(row *task.Row, locks []task.Lock, caps []task.Cap) {
	d.rows, d.locks, d.caps = append(d.rows, row), append(d.locks, locks...), append(d.caps, caps...)
}

// decide makes ready what may start. Nobody else knows these tasks yet, so all keys can be locked at once.
func (d *dispatched) decide(tx *db.Tx) error {
	if err := lockKeys(tx, d.locks, d.caps); err != nil {
		return err
	}
	for _, row := range d.rows {
		ready, err := d.t.admit(tx, row.Seq, d.caps)
		if err != nil {
			return fmt.Errorf("decide whether %s may start: %w", row.Name, err)
		}
		if ready == nil {
			continue
		}
		*row = *ready
		if !row.Immediate || d.t.o.PreferDefer {
			continue
		}
		if own, err := claim(tx, row.ID, d.t.self()); err != nil {
			return err
		} else if own != nil {
			*row = *own
		}
	}
	return nil
}

// committed runs here what was claimed for that, and has the rest looked at. Whatever fails here the sweeper makes up
// for.
func (d *dispatched) committed(ctx context.Context) {
	// detached: the rows are committed, so a caller who leaves now must not keep the tasks from starting.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if slices.ContainsFunc(d.rows, func(row *task.Row) bool { return row.Ready() }) {
		d.t.ring()
	}
	for _, row := range d.rows {
		d.t.o.Observer.Dispatched(row.Name)
		if row.State == task.Running {
			d.t.runHere(ctx, row)
		}
	}
}

// rowOf makes the row of a new task. Every task shares its domain, unless it wants it for itself.
func (t *Tasks) rowOf(ctx context.Context, a task.Args, traits task.Traits, o task.Dispatching) (*task.Row, task.Locks, error) {
	origin := task.OriginFrom(ctx)
	if origin.DomainID == "" {
		origin.DomainID = ident.DefaultDomain
	}
	locks := a.Locks().AndShared(ident.PRN("core.domain", origin.DomainID)).Normal()
	if err := locks.Check(); err != nil {
		return nil, locks, fmt.Errorf("dispatch %s: %w", a.Kind(), err)
	}
	plain, err := json.Marshal(a)
	if err != nil {
		return nil, locks, errs.New(errs.Internal, "write the arguments of %s as JSON: %w", a.Kind(), err)
	}
	sealed, err := t.o.Box.Seal(purpose, plain)
	if err != nil {
		return nil, locks, fmt.Errorf("seal the arguments of %s: %w", a.Kind(), err)
	}
	id := ident.New()
	row := &task.Row{
		ID: id, DomainID: origin.DomainID, Name: a.Kind(), State: task.Waiting, Args: sealed,
		LoggingCID: origin.CID, CreatedBy: origin.UserID, Immediate: o.Immediate, ReservedResources: locks.Record(),
		ParentTaskID: optional(o.Parent, origin.ParentID), TaskGroupID: optional(o.Group),
		Weight: traits.Priority.Weight(), Trace: t.o.Observer.Trace(ctx), Diagnostics: task.DiagnosticsJSON(origin.Diagnostics),
		PulpCreated: ident.Time(id), PulpLastUpdated: ident.Time(id),
	}
	row.Flow = flowOf(row)
	if traits.Long {
		row.Lane = task.LongLane
	}
	return row, locks, nil
}

func locksOf(seq int64, l task.Locks) []task.Lock {
	var out []task.Lock
	for _, r := range l.Exclusive {
		out = append(out, task.Lock{Resource: task.LockName(r), TaskSeq: seq, Exclusive: true})
	}
	for _, r := range l.Shared {
		out = append(out, task.Lock{Resource: task.LockName(r), TaskSeq: seq})
	}
	return out
}

// optional gives the first text that is not empty, as a nullable column.
func optional(texts ...string) *string {
	for _, text := range texts {
		if text != "" {
			return &text
		}
	}
	return nil
}
