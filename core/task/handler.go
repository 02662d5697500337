package task

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/packhouse/packhouse/core/errs"
)

// Handler joins a kind of task with the function that does its work; made by Handle.
type Handler struct {
	kind   string
	traits Traits
	work   func(ctx context.Context, run *Run, args []byte) (any, error)
	check  func(args []byte) (Args, error)
}

// Handle declares the work of one kind. A is the struct of arguments, not a pointer to it. The result becomes the
// task's result as JSON; nil is null. The context ends when the task is canceled or its process stops; work that
// returns an error then still ends as canceled. Delivery is at least once but the row lets only one runner in, and a
// task is never run a second time after it has begun.
func Handle[A Args](work func(ctx context.Context, run *Run, a A) (result any, err error), traits ...Trait) Handler {
	var zero A
	h := Handler{
		kind: zero.Kind(),
		work: func(ctx context.Context, run *Run, raw []byte) (any, error) {
			var a A
			if err := json.Unmarshal(raw, &a); err != nil {
				return nil, unreadable(err)
			}
			return work(ctx, run, a)
		},
		check: func(raw []byte) (Args, error) {
			var a A
			if err := strictly(raw, &a); err != nil {
				return nil, err
			}
			return a, nil
		},
	}
	for _, set := range traits {
		set(&h.traits)
	}
	return h
}

// unreadable is the error of arguments that this version cannot read. It names a member but no value: arguments are
// sealed, errors are not.
func unreadable(err error) error {
	where := "they are no JSON object"
	if member, is := errors.AsType[*json.UnmarshalTypeError](err); is && member.Field != "" {
		where = "the member " + member.Field + " should be " + wanted(member.Type)
	}
	return errs.New(errs.Invalid, "The arguments of the task were written by another version and cannot be read here (%s). Ask for the same again.", where)
}

// Kind is the stored wire name.
func (h Handler) Kind() string { return h.kind }

// Traits is what was declared about the kind.
func (h Handler) Traits() Traits { return h.traits }

// With is the same handler with more traits, as an operator wants them.
func (h Handler) With(traits ...Trait) Handler {
	for _, set := range traits {
		set(&h.traits)
	}
	return h
}

// Work runs the function on arguments in JSON. A full disk, on which it was writing files of its own, is
// errs.StorageFull, which users are told, and no fault of ours.
func (h Handler) Work(ctx context.Context, run *Run, args []byte) (any, error) {
	result, err := h.work(ctx, run, args)
	return result, errs.Full(err)
}

// Args reads arguments that a person wrote, in JSON. A member that the kind does not know is errs.Invalid.
func (h Handler) Args(raw []byte) (Args, error) { return h.check(raw) }
