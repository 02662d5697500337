// Package errs is the one error type of Packhouse.
//
// An error has a kind (what the caller may do about it), a plain message that says what to do next, and the cause
// it wraps. Kinds are not HTTP numbers: core/api turns a kind into an answer, in one place; a task stores it in its
// error object. Everything that is not an *Error is a fault of ours and has the kind Internal.
package errs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind says what the caller may do about an error.
type Kind string

// The kinds. Internal is a fault of ours, TooMany and Unavailable pass by themselves, all others are the caller's to mend.
const (
	Internal        Kind = "internal"
	Invalid         Kind = "invalid"
	Unauthenticated Kind = "unauthenticated"
	Forbidden       Kind = "forbidden"
	NotFound        Kind = "not_found"
	NotAllowed      Kind = "method_not_allowed"
	Conflict        Kind = "conflict"
	TooLarge        Kind = "too_large"
	Unsupported     Kind = "unsupported_media_type"
	Range           Kind = "range_not_satisfiable"
	TooMany         Kind = "too_many_requests"
	Unavailable     Kind = "unavailable"
	StorageFull     Kind = "storage_full"
	Canceled        Kind = "canceled"
)

// NonField is the key of faults that belong to no single field (rest-contract, error bodies).
const NonField = "non_field_errors"

// Error is an error with a kind.
type Error struct {
	Kind Kind
	// Code is the stable error code that clients know, such as "PLP0003"; empty for most.
	Code string
	// Msg is for people and ends in what to do next.
	Msg string
	// Fields holds, for Invalid, the faults by field: string → []string, or nested maps of the same.
	Fields map[string]any
	// List marks an Invalid error that is answered as a bare list of messages.
	List bool
	// Err is the cause, never shown to clients of another kind than the one who caused it.
	Err error
}

// Error joins code, message, fields and cause.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Code != "" {
		fmt.Fprintf(&b, "[%s] ", e.Code)
	}
	b.WriteString(e.Msg)
	for i, name := range slices.Sorted(maps.Keys(e.Fields)) {
		if i > 0 || b.Len() > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %v", name, e.Fields[name])
	}
	if _, said := e.Err.(hidden); e.Err != nil && !said {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind; the format may wrap a cause with %w.
func New(kind Kind, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: wrapped.Error(), Err: hidden{errors.Unwrap(wrapped)}.orNil()}
}

// Coded is New with a stable code; the description starts with it.
func Coded(kind Kind, code, format string, args ...any) *Error {
	e := New(kind, format, args...)
	e.Code = code
	return e
}

// Field is an Invalid error about one field.
func Field(name, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Fields: map[string]any{name: []string{fmt.Sprintf(format, args...)}}}
}

// Together is an Invalid error about several fields at once.
func Together(format string, args ...any) *Error { return Field(NonField, format, args...) }

// Messages is an Invalid error that is answered as a bare list.
func Messages(format string, args ...any) *Error {
	return &Error{Kind: Invalid, Msg: fmt.Sprintf(format, args...), List: true}
}

// KindOf gives the kind of err: Internal for a foreign error, "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is tells whether err is of the kind.
func Is(err error, kind Kind) bool { return KindOf(err) == kind }

// hidden keeps a cause reachable for errors.Is and errors.As although its text already stands in the message.
type hidden struct{ error }

func (h hidden) Error() string { return "" }
func (h hidden) Unwrap() error { return h.error }

func (h hidden) orNil() error {
	if h.error == nil {
		return nil
	}
	return h
}
