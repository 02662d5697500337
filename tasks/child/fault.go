package child

import (
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// fault is an error on its way from the child to the parent: all that decides how a task ends.
type fault struct {
	// Text is the whole error, for the log.
	Text string `json:"text"`
	// Kind, Code, Message and Traceback make the error object of the task.
	Kind      errs.Kind `json:"kind"`
	Code      string    `json:"code,omitempty"`
	Message   string    `json:"message"`
	Traceback string    `json:"traceback,omitempty"`
}

func faultOf(err error) *fault {
	shown := task.FailureOf(err, false)
	return &fault{
		Text: err.Error(), Kind: errs.KindOf(err), Code: shown.Code, Traceback: shown.Traceback,
		Message: strings.TrimPrefix(shown.Description, "["+shown.Code+"] "),
	}
}

// err gives an error that makes the same error object and the same line in the log as the one that was sent.
func (f *fault) err() error {
	if f.Traceback != "" { // only panics have one
		return told{text: f.Text, cause: task.Panicked(strings.TrimPrefix(f.Message, "the task panicked: "), []byte(f.Traceback))}
	}
	return told{text: f.Text, cause: &errs.Error{Kind: f.Kind, Code: f.Code, Msg: f.Message}}
}

// told is an error with a text of its own.
type told struct {
	text  string
	cause error
}

// Error gives the text.
func (t told) Error() string { return t.text }

// Unwrap gives the cause.
func (t told) Unwrap() error { return t.cause }
