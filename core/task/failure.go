package task

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// Codes that the machine itself gives to failures (rest-contract, Appendix A).
const (
	CodeInternal         = "PLP0000"
	CodeImmediateTimeout = "PLP0024"
)

// Failure is the error object of a task that failed (rest-contract §1.6). The description starts with the code in
// brackets when there is one.
type Failure struct {
	Description string `json:"description"`
	Traceback   string `json:"traceback"`
	Code        string `json:"error_code,omitempty"`
}

// Reason is the error object of a task that was ended from outside.
type Reason struct {
	Reason string `json:"reason"`
}

// FailureOf makes the error object of err. With redact, a fault of ours (errs.Internal) shows only that it is one;
// its text belongs in the log. Without, a panic shows its stack as the traceback.
func FailureOf(err error, redact bool) Failure {
	if redact && errs.Is(err, errs.Internal) {
		return Failure{
			Description: "[" + CodeInternal + "] An internal error occurred. The log of the server, under the id of this task, says more.",
			Code:        CodeInternal,
		}
	}
	var traceback string
	if p, is := errors.AsType[*panicked](err); is {
		traceback = p.stack
	}
	code := codeOf(err)
	if code == "" {
		return Failure{Description: describe(err), Traceback: traceback}
	}
	mark := "[" + code + "] "
	return Failure{Description: mark + strings.ReplaceAll(describe(err), mark, ""), Traceback: traceback, Code: code}
}

// JSON is the stored form, bounded.
func (f Failure) JSON() model.JSON {
	f.Description, f.Traceback = told(f.Description), told(f.Traceback)
	return object(f)
}

// JSON is the stored form, bounded.
func (r Reason) JSON() model.JSON { return object(Reason{told(r.Reason)}) }

// describe gives the text of the outermost error with a kind, which is written for people; what is wrapped around it
// is for the log. A foreign error has only its own text.
func describe(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e.Error()
	}
	return err.Error()
}

// codeOf gives the outermost code in the chain of err.
func codeOf(err error) string {
	for {
		e, ok := errors.AsType[*errs.Error](err)
		if !ok {
			return ""
		}
		if e.Code != "" || e.Err == nil {
			return e.Code
		}
		err = e.Err
	}
}

func object(v any) model.JSON {
	text, err := json.Marshal(v)
	if err != nil {
		panic("task: an object of texts did not become JSON: " + err.Error())
	}
	return text
}
