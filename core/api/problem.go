package api

import (
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

// fail is the one place that turns an error into an answer and a log line.
func (s *Server) fail(c *fiber.Ctx, cid string, err error) error {
	status := statusOf(errs.KindOf(err))
	switch {
	case status == fiber.StatusInternalServerError:
		s.Log.ErrorContext(c.UserContext(), "a request failed", "cid", cid, "method", c.Method(), "path", c.Path(), "error", err)
		err = errs.New(errs.Internal, "The server failed. Its log has the reason under the correlation id %s.", cid)
	case status > fiber.StatusInternalServerError:
		s.Log.WarnContext(c.UserContext(), "a request could not be served", "cid", cid, "method", c.Method(), "path", c.Path(), "error", err)
	case status == fiber.StatusUnauthorized:
		c.Set(fiber.HeaderWWWAuthenticate, challenge(c))
	}
	if wait, throttled := errors.AsType[*auth.Throttled](err); throttled {
		c.Set(fiber.HeaderRetryAfter, wait.RetryAfter())
	}
	c.Status(status)
	if silent(err) {
		return nil
	}
	return sendJSON(c, body(err))
}

// silent tells of an error that has nothing to say beyond its status: the contract wants some answers without a body.
func silent(err error) bool {
	e, ok := errors.AsType[*errs.Error](err)
	return ok && e.Msg == "" && len(e.Fields) == 0
}

func statusOf(kind errs.Kind) int {
	switch kind {
	case errs.Invalid:
		return fiber.StatusBadRequest
	case errs.Unauthenticated:
		return fiber.StatusUnauthorized
	case errs.Forbidden:
		return fiber.StatusForbidden
	case errs.NotFound:
		return fiber.StatusNotFound
	case errs.NotAllowed:
		return fiber.StatusMethodNotAllowed
	case errs.Conflict:
		return fiber.StatusConflict
	case errs.TooLarge:
		return fiber.StatusRequestEntityTooLarge
	case errs.Unsupported:
		return fiber.StatusUnsupportedMediaType
	case errs.Range:
		return fiber.StatusRequestedRangeNotSatisfiable
	case errs.TooMany:
		return fiber.StatusTooManyRequests
	case errs.Unavailable, errs.Canceled:
		return fiber.StatusServiceUnavailable
	case errs.StorageFull:
		return fiber.StatusInsufficientStorage
	}
	return fiber.StatusInternalServerError
}

// body writes the contract's shapes: faults by field, a bare list, or {"detail"}.
func body(err error) []byte {
	e, ok := errors.AsType[*errs.Error](err)
	var shape any = map[string]string{"detail": "The server failed."}
	switch {
	case ok && len(e.Fields) > 0:
		shape = e.Fields
	case ok && e.List:
		shape = []string{e.Msg}
	case ok:
		shape = map[string]string{"detail": e.Msg}
	}
	text, err := resource.Marshal(shape)
	if err != nil {
		panic(fmt.Sprintf("an error body cannot be written as JSON: %s", err))
	}
	return text
}

// foreign answers errors that the HTTP library found before any route: malformed requests, headers too large.
func foreign(c *fiber.Ctx, err error) error {
	correlate(c)
	e, ok := errors.AsType[*fiber.Error](err)
	if !ok {
		e = fiber.NewError(fiber.StatusInternalServerError, "The server failed.")
	}
	if conn, ok := c.Context().Conn().(interface{ Linger() }); ok {
		conn.Linger() // the client may still be sending, and reads the answer all the same
	}
	c.Status(e.Code)
	return sendJSON(c, body(errs.New(errs.Invalid, "%s", e.Message)))
}

func notFound() error { return errs.New(errs.NotFound, "Not found.") }

func notAllowed(method string) error {
	return errs.New(errs.NotAllowed, "Method \"%s\" not allowed.", method)
}

// challenge asks for credentials; a script in a browser is asked in a way that opens no dialog.
func challenge(c *fiber.Ctx) string {
	if c.Get("X-Requested-With") == "XMLHttpRequest" {
		return `xBasic realm="api"`
	}
	return `Basic realm="api"`
}
