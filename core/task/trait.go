package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// Traits is what a kind of task declares about itself.
type Traits struct {
	// Long work leaves a part of every worker to work that is not.
	Long bool
	// Priority is the place in line among tasks that are ready.
	Priority Priority
	// Memory, in bytes, is how much a child process of its own may use; 0 runs the work inside the worker.
	Memory int64
	// Schedulable lets operators schedule the kind with arguments that they write themselves.
	Schedulable bool
}

// Trait declares something about a kind; see Handle.
type Trait func(*Traits)

// Long declares work that may take minutes, such as a sync. Short work never waits behind it.
func Long() Trait { return func(t *Traits) { t.Long = true } }

// WithPriority declares the place in line among tasks that are ready.
func WithPriority(p Priority) Trait { return func(t *Traits) { t.Priority = p } }

// InChild runs the work in a child process of its own, which is ended when it uses more than that many bytes of memory.
func InChild(memory int64) Trait { return func(t *Traits) { t.Memory = memory } }

// Schedulable lets operators schedule the kind with arguments that they write themselves.
func Schedulable() Trait { return func(t *Traits) { t.Schedulable = true } }

// Priority is how fast the turn of a flow of tasks comes: of what is ready at the same time, four tasks of High are
// begun for one of Normal, and four of Normal for one of Low. Nothing waits for ever.
type Priority int

// The priorities. Normal is the zero value.
const (
	Normal Priority = iota
	High
	Low
)

// Weight is how far a task moves the next turn of its flow.
func (p Priority) Weight() int64 {
	switch p {
	case High:
		return 1
	case Low:
		return 16
	}
	return 4
}

// misread says what is wrong with arguments. It names members and no values.
func misread(err error) string {
	if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return "this kind of task takes no " + name
	}
	if member, is := errors.AsType[*json.UnmarshalTypeError](err); is && member.Field != "" {
		return "give " + member.Field + " as " + wanted(member.Type)
	}
	return "give the arguments as one JSON object"
}

// wanted names a type in words.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Pointer:
		return wanted(t.Elem())
	}
	return "an object"
}

// strictly reads exactly one JSON value without unknown members.
func strictly(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errs.New(errs.Invalid, "%s", misread(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errs.New(errs.Invalid, "the arguments are followed by something else")
	}
	return nil
}
