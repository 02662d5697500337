package api

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

// handle takes one request through its operation.
func (s *Server) handle(c *fiber.Ctx, op *resource.Operation) error {
	return s.guard(c, op, func(ctx context.Context, cid string) (*resource.Answer, error) { return s.serve(ctx, c, op, cid) })
}

// guard is what all requests have in common: an end, a line in the log, one place for errors and panics.
func (s *Server) guard(c *fiber.Ctx, op *resource.Operation, serve func(ctx context.Context, cid string) (*resource.Answer, error)) (err error) {
	cid, begin := correlate(c), time.Now()
	ctx, cancel := s.deadline(c.UserContext(), op)
	defer cancel()
	ctx, entry := s.begin(ctx, c, op, cid)
	var failure error
	defer func() {
		if cause := recover(); cause != nil {
			s.Log.ErrorContext(ctx, "a request handler panicked", "cid", cid, "operation", op.ID, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			failure = errs.New(errs.Internal, "panic")
			err = s.fail(c, cid, failure)
		}
		entry.End(ctx, c.Response().StatusCode(), string(errs.KindOf(failure)))
		s.logAccess(ctx, c, cid, begin)
	}()
	var answer *resource.Answer
	if answer, failure = serve(ctx, cid); failure != nil {
		return s.fail(c, cid, failure)
	}
	scheme, _ := s.Identity.Proxies.Address(credentials{c}, c.Protocol(), "")
	if answer.Stream != nil {
		return s.stream(c, answer, cid)
	}
	return write(c, answer, scheme == "https")
}

// deadline bounds the request. A departed client is not signalled by the HTTP library, so every request has an end of
// its own; one that carries a file has none, since its length is the client's.
func (s *Server) deadline(base context.Context, op *resource.Operation) (context.Context, context.CancelFunc) {
	if op.Request != nil && op.Request.Multipart {
		return context.WithCancel(base)
	}
	return context.WithTimeout(base, s.RequestTimeout)
}

func (s *Server) serve(ctx context.Context, c *fiber.Ctx, op *resource.Operation, cid string) (*resource.Answer, error) {
	asks := credentials{c}
	user, err := s.Identity.Identify(ctx, asks)
	if err != nil && op.Rule != openToAll {
		refused(ctx, asks, err)
		return nil, err
	}
	ctx = auth.WithClient(ctx, s.Identity.Proxies.Client(asks))
	env, domain, err := s.inDomain(ctx, c, op, user)
	if err != nil {
		return nil, err
	}
	ctx = knows(ctx, user, op, domain)
	if user != nil {
		c.Locals(askerKey{}, user.Username)
	}
	call := resource.NewCall(env, op, c, ctx, user, domain, cid)
	call.Scheme, call.Host = s.Identity.Proxies.Address(asks, c.Protocol(), c.Hostname())
	return call.Serve()
}

// write sends the answer; cookies are kept to encrypted connections where the request came by one.
func write(c *fiber.Ctx, a *resource.Answer, secure bool) error {
	for _, cookie := range a.Cookies {
		setCookie(c, cookie, secure)
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
