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
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// purpose binds the sealed arguments to their use.
const purpose = task.ArgsPurpose

// patience is how long the work after a commit may take, beyond which the sweeper does it.
const patience = 30 * time.Second

// Dispatch has the task and its locks written by the caller's transaction; see task.Dispatcher. That is done, together
// with the decision whether it may start, as the last thing in that transaction: so a row is written once, with the state
// that it starts in, and tasks in conflict have their numbers in the order in which they are committed.
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
	caps, err := t.capsOf(tx, row)
	if err != nil {
		return nil, fmt.Errorf("find the caps that count %s: %w", row.Name, err)
	}
	if !row.Final() {
		audit.From(ctx).Task(tx, ident.PRN("core.task", row.ID))
	}
	d := t.dispatchedIn(tx)
	if d.written {
		return nil, errs.New(errs.Internal, "dispatch %s: the transaction has come to its end already", row.Name)
	}
	d.orders = append(d.orders, &order{row: row, args: a, locks: locks, caps: caps})
	return row, nil
}

// dispatched are the tasks of one transaction.
type dispatched struct {
	t       *Tasks
	orders  []*order
	written bool
}

// order is one task that is to be written.
type order struct {
	row   *task.Row
	args  task.Args
	locks task.Locks
	caps  []string
}

func (t *Tasks) dispatchedIn(tx *db.Tx) *dispatched {
	return tx.Local(t, func() any {
		d := &dispatched{t: t}
		tx.BeforeCommit(func() error { return d.write(tx) })
		tx.AfterCommit(d.committed)
		return d
	}).(*dispatched)
}

// write decides about the tasks and writes them. All keys are locked at once, so that two transactions cannot wait for
// each other.
func (d *dispatched) write(tx *db.Tx) error {
	d.written = true
	var locks []task.Lock
	var caps []task.Cap
	for _, o := range d.orders {
		if !o.row.Final() {
			locks, caps = append(locks, locksOf(0, o.locks)...), append(caps, capsNamed(0, o.caps)...)
		}
	}
	if err := d.hold(tx); err != nil {
		return err
	}
	if err := lockKeys(tx, locks, caps); err != nil {
		return err
	}
	for _, o := range d.orders {
		if err := d.t.place(tx, o); err != nil {
			return fmt.Errorf("dispatch %s: %w", o.row.Name, err)
		}
	}
	return nil
}

// hold waits for whoever changes a domain before the keys of caps are locked, which other domains want too.
func (d *dispatched) hold(tx *db.Tx) error {
	held := map[string]bool{}
	for _, o := range d.orders {
		if len(o.caps) == 0 || held[o.row.DomainID] {
			continue
		}
		if err := tx.HoldRow("core_domains", o.row.DomainID); err != nil {
			return err
		}
		held[o.row.DomainID] = true
	}
	return nil
}

// place writes one task in the state that it starts in.
func (t *Tasks) place(tx *db.Tx, o *order) error {
	if o.row.Final() {
		return tx.Create(o.row).Error
	}
	v, err := t.view(tx, o)
	if err != nil {
		return fmt.Errorf("decide whether it may start: %w", err)
	}
	v.start(o.row, t)
	refers := references(o.args)
	o.row.Extras = len(o.caps)+len(refers) > 0
	if err := tx.Create(o.row).Error; err != nil {
		return err
	}
	locks := locksOf(o.row.Seq, o.locks)
	for i := range locks {
		locks[i].Held = !v.Blocked
	}
	if err := tx.Create(locks).Error; err != nil {
		return fmt.Errorf("reserve its resources: %w", err)
	}
	if caps := capsNamed(o.row.Seq, o.caps); len(caps) > 0 {
		for i := range caps {
			caps[i].Stage = v.stage()
		}
		if err := tx.Create(caps).Error; err != nil {
			return fmt.Errorf("count it at its caps: %w", err)
		}
	}
	return refer(tx, o.row, refers)
}

// view is what there is to know of the others when a task is written.
type view struct {
	// Blocked tells that a resource is not free, Known that this process may run tasks itself.
	Blocked, Known bool
	// Behind is the turn that the task comes behind.
	Behind int64
	full   bool
}

// view looks at the others. Everybody who locks something that the task wants has a lower number and, if ready, holds it:
// so one lock in conflict is enough.
func (t *Tasks) view(tx *db.Tx, o *order) (view, error) {
	var v view
	query, args := t.viewing(o)
	if err := tx.Raw(query, args...).Scan(&v).Error; err != nil || v.Blocked {
		return v, err
	}
	var err error
	v.full, err = t.full(tx, capsNamed(0, o.caps))
	return v, err
}

// viewing is the look by itself.
func (t *Tasks) viewing(o *order) (query string, args []any) {
	return `SELECT EXISTS (SELECT 1 FROM core_task_locks WHERE resource IN ?)
		OR EXISTS (SELECT 1 FROM core_task_locks WHERE resource IN ? AND exclusive) AS blocked,
		EXISTS (SELECT 1 FROM core_app_statuses WHERE name = ?) AS known,
		` + behind("?", "?") + ` AS behind`,
		[]any{append(lockNames(o.locks.Exclusive), ""), append(lockNames(o.locks.Shared), ""), t.self(), o.row.Lane, o.row.Lane, o.row.Flow, o.row.Lane}
}

// start gives a row the state that follows.
func (v view) start(row *task.Row, t *Tasks) {
	if v.Blocked {
		return
	}
	now := model.Now()
	row.UnblockedAt = &now
	if v.full {
		return
	}
	place := v.Behind + row.Weight
	row.Turn, row.SentAt = &place, &now
	if name := t.self(); row.Immediate && !t.o.PreferDefer && v.Known && name != "" {
		row.State, row.Worker, row.StartedAt = task.Running, &name, &now
	}
}

func (v view) stage() task.Stage {
	switch {
	case v.Blocked:
		return task.Unready
	case v.full:
		return task.Parked
	}
	return task.Admitted
}

// committed runs here what was claimed for that, and has the rest looked at. Whatever fails here the sweeper makes up
// for.
func (d *dispatched) committed(ctx context.Context) {
	// detached: the rows are committed, so a caller who leaves now must not keep the tasks from starting.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if slices.ContainsFunc(d.orders, func(o *order) bool { return o.row.Ready() }) {
		d.t.ring()
	}
	for _, o := range d.orders {
		if o.row.Final() { // into a canceled group
			continue
		}
		d.t.o.Observer.Dispatched(o.row.Name)
		if o.row.State == task.Running {
			d.t.runHere(ctx, o.row)
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

// lockNames are the names that the rows of locks have for resources.
func lockNames(resources []string) []string {
	out := make([]string, 0, len(resources)+1)
	for _, r := range resources {
		out = append(out, task.LockName(r))
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
