// Package task is the vocabulary of background work: arguments that carry their locks, the handlers that do the work,
// what a running task may do, and the rows that hold the truth about all of it. The machine that reserves, delivers
// and runs tasks is the package tasks; nothing here knows a queue.
//
// An author declares a struct of arguments with Kind and Locks and a function, and joins them with Handle. Whoever
// wants the work done calls Dispatcher.Dispatch in the transaction that the work belongs to.
package task

import (
	"context"

	"github.com/packhouse/packhouse/core/db"
)

// Args are the arguments of one task, a struct that survives JSON. They are stored sealed.
type Args interface {
	// Kind is the stored wire name, such as "pulpcore.app.tasks.repository.add_and_remove" (rest-contract,
	// Appendix C). It must not depend on the values.
	Kind() string
	// Locks says what must not change while the task runs, and what others must not look at.
	Locks() Locks
}

// Dispatcher accepts work.
type Dispatcher interface {
	// Dispatch returns the row of the task, which the caller's transaction writes with its locks as the last thing that
	// it does: Seq is 0 until then, and InTx returns what is wrong with what the arguments refer to. Once that is
	// committed, the task is delivered as soon as its resources are free; until then nothing happens, and after a rollback
	// nothing ever does. What is dispatched in a part of the transaction that is undone by itself is dispatched all the
	// same. User, domain, correlation id and parent come from the Origin of ctx. For an Immediate task the row shows the
	// outcome when InTx has returned.
	Dispatch(ctx context.Context, tx *db.Tx, a Args, o ...Option) (*Row, error)
}

// Canceler ends work early.
type Canceler interface {
	// Cancel ends a waiting task at once and asks a running one to stop. It gives the row as it is now, together with
	// errs.Conflict when the task was already final; errs.NotFound when there is none.
	Cancel(ctx context.Context, id string) (*Row, error)
}
