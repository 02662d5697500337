package tasks

import (
	"context"
	"encoding/json"
	"fmt"
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

// Dispatch writes the task and its locks in the caller's transaction; see task.Dispatcher.
func (t *Tasks) Dispatch(ctx context.Context, tx *db.Tx, a task.Args, o ...task.Option) (*task.Row, error) {
	if _, known := t.kinds[a.Kind()]; !known {
		return nil, errs.New(errs.Internal, "no handler is registered for tasks of the kind %s", a.Kind())
	}
	row, locks, err := t.rowOf(ctx, a, task.Options(o...))
	if err != nil {
		return nil, err
	}
	if err := tx.Create(row).Error; err != nil {
		return nil, fmt.Errorf("dispatch %s: %w", row.Name, err)
	}
	if err := tx.Create(locksOf(row.Seq, locks)).Error; err != nil {
		return nil, fmt.Errorf("reserve the resources of %s: %w", row.Name, err)
	}
	audit.From(ctx).Task(ident.PRN("core.task", row.ID))
	tx.AfterCommit(func(ctx context.Context) { t.committed(ctx, row) })
	return row, nil
}

// rowOf makes the row of a new task. Every task shares its domain, unless it wants it for itself.
func (t *Tasks) rowOf(ctx context.Context, a task.Args, o task.Dispatching) (*task.Row, task.Locks, error) {
	origin := task.OriginFrom(ctx)
	if origin.DomainID == "" {
		origin.DomainID = ident.DefaultDomain
	}
	locks := a.Locks().AndShared(ident.PRN("core.domain", origin.DomainID)).Normal()
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
		PulpCreated: ident.Time(id), PulpLastUpdated: ident.Time(id),
	}
	return row, locks, nil
}

// committed makes the task ready if it can be, and gets it run. Whatever fails here the sweeper makes up for.
func (t *Tasks) committed(ctx context.Context, row *task.Row) {
	// detached: the row is committed, so a caller who leaves now must not keep the task from starting.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	ready, err := t.unblock(ctx, row.Seq)
	if ready == nil && err == nil && row.Immediate {
		// Whoever freed its resources, or a sweep, may have made it ready a moment before.
		ready, err = t.readyRow(ctx, row.ID)
	}
	switch {
	case err != nil:
		t.log.Warn("a new task could not be examined, the sweeper will do it", "task", row.ID, "error", err)
	case ready == nil:
		// Something stands in its way; whatever ends first will look at it again.
	case row.Immediate && !t.o.PreferDefer && t.self() != "":
		*row = *ready
		t.runHere(ctx, row)
	default:
		*row = *ready
		t.deliverLater(ctx, ready)
	}
}

// readyRow gives the row of a task if that is ready.
func (t *Tasks) readyRow(ctx context.Context, id string) (*task.Row, error) {
	row, err := t.load(ctx, id)
	if err != nil || !row.Ready() {
		return nil, err
	}
	return row, nil
}

// deliverLater hands a ready task to the queue.
func (t *Tasks) deliverLater(ctx context.Context, row *task.Row) {
	if _, err := t.queue.send(ctx, row.Name, row.ID); err != nil {
		t.log.Warn("a ready task could not be sent to the queue, the sweeper will do it", "task", row.ID, "error", err)
	}
}

func locksOf(seq int64, l task.Locks) []task.Lock {
	var out []task.Lock
	for _, r := range l.Exclusive {
		out = append(out, task.Lock{Resource: r, TaskSeq: seq, Exclusive: true})
	}
	for _, r := range l.Shared {
		out = append(out, task.Lock{Resource: r, TaskSeq: seq})
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
