package api

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

// handle takes one request through its operation.
func (s *Server) handle(c *fiber.Ctx, op *resource.Operation) (err error) {
	cid, begin := correlate(c), time.Now()
	defer func() {
		if cause := recover(); cause != nil {
			s.Log.Error("a request handler panicked", "cid", cid, "operation", op.ID, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = s.fail(c, cid, errs.New(errs.Internal, "panic"))
		}
		s.logAccess(c, cid, begin)
	}()
	ctx, cancel := s.deadline(op)
	defer cancel()
	answer, failure := s.serve(ctx, c, op, cid)
	if failure != nil {
		return s.fail(c, cid, failure)
	}
	return write(c, answer)
}

// deadline bounds the request. A departed client is not signalled by the HTTP library, so every request has an end of
// its own; one that carries a file has none, since its length is the client's.
func (s *Server) deadline(op *resource.Operation) (context.Context, context.CancelFunc) {
	base := context.Background() // detached: requests end by deadline, and at shutdown by the server's grace
	if op.Request != nil && op.Request.Multipart {
		return context.WithCancel(base)
	}
	return context.WithTimeout(base, s.RequestTimeout)
}

func (s *Server) serve(ctx context.Context, c *fiber.Ctx, op *resource.Operation, cid string) (*resource.Answer, error) {
	user, err := s.authenticate(ctx, c)
	if err != nil && op.Rule != openToAll {
		return nil, err
	}
	return resource.NewCall(s.Env, op, c, ctx, user, s.Domain, cid).Serve()
}

func write(c *fiber.Ctx, a *resource.Answer) error {
	for _, cookie := range a.Cookies {
		setCookie(c, cookie)
	}
	if a.Location != "" {
		c.Set(fiber.HeaderLocation, a.Location)
	}
	for name, value := range a.Headers {
		c.Set(name, value)
	}
	c.Status(a.Status)
	switch {
	case a.Type != "":
		c.Set(fiber.HeaderContentType, a.Type)
		return c.Send(a.Text)
	case a.JSON != nil:
		return sendJSON(c, a.JSON)
	}
	return nil
}

// sendJSON sets the media type without a charset, as clients compare it literally.
func sendJSON(c *fiber.Ctx, body []byte) error {
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Response().Header.Set(fiber.HeaderVary, "Accept, Cookie")
	c.Response().SetBodyRaw(body)
	return nil
}

// correlate gives the request its correlation id: the client's when it is a UUID, byte for byte, or a new one.
func correlate(c *fiber.Ctx) string {
	const header = "Correlation-ID"
	cid := c.Get(header)
	if _, err := uuid.Parse(cid); err != nil || strings.ContainsAny(cid, "{}:") {
		cid = strings.ReplaceAll(uuid.NewString(), "-", "")
	}
	// The spelling of the name is part of the contract, so it must not be normalised.
	c.Response().Header.SetCanonical([]byte(header), []byte(cid))
	c.Response().Header.Set("Access-Control-Expose-Headers", header)
	return cid
}

func (s *Server) logAccess(c *fiber.Ctx, cid string, begin time.Time) {
	if !s.AccessLog {
		return
	}
	s.Log.Info("request", "cid", cid, "client", c.IP(), "method", c.Method(), "path", c.Path(), "status", c.Response().StatusCode(),
		"bytes", len(c.Response().Body()), "ms", float64(time.Since(begin).Microseconds())/1000)
}
