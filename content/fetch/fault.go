package fetch

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/remote"
)

// wrong is a source that has something else than the file.
type wrong struct{ how string }

func (w *wrong) Error() string { return "the source does not have this file: " + w.how }

// unusable is a remote that cannot be used as it is set up.
type unusable struct{ error }

func (u *unusable) Unwrap() error { return u.error }

// unanswered is a request that got no body of a file.
type unanswered struct{ error }

func (u *unanswered) Unwrap() error { return u.error }

// unreachable tells whether there was no way to the upstream: nothing of an answer came, for its name or its connection.
func unreachable(err error) bool {
	if _, no := errors.AsType[*unanswered](err); !no {
		return false
	}
	if _, answered := remote.Status(err); answered {
		return false
	}
	if _, nameless := errors.AsType[*net.DNSError](err); nameless {
		return true
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return true
	}
	e, ok := errors.AsType[*errs.Error](err)
	return ok && e.Code == "PLP0027" && remote.Temporary(err)
}

// trouble is of our own making, not of a source's: no other source helps.
type trouble struct{ error }

func (t *trouble) Unwrap() error { return t.error }

func ours(err error) (*trouble, bool) { return errors.AsType[*trouble](err) }

// nothing tells a client why it cannot have the file. Where the sources are is not for everybody to know.
func nothing(said []string) error {
	switch len(said) {
	case 0:
		return errs.New(errs.NotFound, "this file has not been downloaded and no remote knows where it is; sync the repository again")
	case 1:
		return errs.New(errs.NotFound, "this file has not been downloaded and its source does not give it: %s", said[0])
	}
	return errs.New(errs.NotFound, "this file has not been downloaded and none of its %d sources gives it: %s", len(said), strings.Join(said, "; "))
}

// words says what became of one source, without its address.
func words(err error) string {
	if w, ok := errors.AsType[*wrong](err); ok {
		return "what it sends is not the file that was declared (" + w.how + ")"
	}
	if _, ok := errors.AsType[*unusable](err); ok {
		return "its remote cannot be used as it is set up; the log of the server says why"
	}
	if status, ok := remote.Status(err); ok {
		return fmt.Sprintf("it answered %d", status)
	}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		if e.Code == "PLP0027" && e.Kind == errs.Forbidden {
			return "its remote leads where this server does not go; the log of the server says why"
		}
		switch e.Code {
		case "PLP0005":
			return "it did not answer in time"
		case "PLP0008":
			return "its name cannot be resolved"
		case "PLP0025":
			return "it sent something else than the file"
		case "PLP0026":
			return "no trusted connection to it could be made"
		case "PLP0027":
			return "the connection to it failed"
		}
	}
	return "it cannot be reached; the log of the server says why"
}
