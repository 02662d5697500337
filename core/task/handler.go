package task

import (
	"context"
	"encoding/json"

	"github.com/packhouse/packhouse/core/errs"
)

// Handler joins a kind of task with the function that does its work; made by Handle.
type Handler struct {
	kind string
	work func(ctx context.Context, run *Run, args []byte) (any, error)
}

// Handle declares the work of one kind. A is the struct of arguments, not a pointer to it. The result becomes the
// task's result as JSON; nil is null. The context ends when the task is canceled or its process stops; work that
// returns an error then still ends as canceled. Delivery is at least once but the row lets only one runner in, and a
// task is never run a second time after it has begun.
func Handle[A Args](work func(ctx context.Context, run *Run, a A) (result any, err error)) Handler {
	var zero A
	return Handler{
		kind: zero.Kind(),
		work: func(ctx context.Context, run *Run, raw []byte) (any, error) {
			var a A
			if err := json.Unmarshal(raw, &a); err != nil {
				return nil, errs.New(errs.Internal, "read the arguments of the task, they were written by an incompatible version: %w", err)
			}
			return work(ctx, run, a)
		},
	}
}

// Kind is the stored wire name.
func (h Handler) Kind() string { return h.kind }

// Work runs the function on arguments in JSON.
func (h Handler) Work(ctx context.Context, run *Run, args []byte) (any, error) {
	return h.work(ctx, run, args)
}
