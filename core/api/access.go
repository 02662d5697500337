package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/obs/access"
)

// askerKey is where a request has the name of its user.
type askerKey struct{}

// logUnread writes the line of a request that could not be read, so that there is neither method nor path; the log of the
// process has none.
func (s *Server) logUnread(c *fiber.Ctx) {
	if s.Access == nil || !s.Access.Named() {
		return
	}
	line := access.Line{API: true, Began: time.Now(), Client: s.Identity.Proxies.Client(credentials{c}), Status: c.Response().StatusCode(), Bytes: int64(length(c))}
	s.Access.Tell(c.UserContext(), &line)
}

// logAccess writes the line of a request into the access log.
func (s *Server) logAccess(ctx context.Context, c *fiber.Ctx, cid string, begin time.Time) {
	if s.Access == nil {
		return
	}
	header := &c.Request().Header
	user, _ := c.Locals(askerKey{}).(string)
	line := access.Line{
		API: true, CID: cid, Began: begin, Took: time.Since(begin), Client: s.Identity.Proxies.Client(credentials{c}), User: user,
		Method: c.Method(), Path: c.Path(), Protocol: "HTTP/1.0", Status: c.Response().StatusCode(), Bytes: int64(length(c)),
	}
	if header.IsHTTP11() {
		line.Protocol = "HTTP/1.1"
	}
	if s.Access.Named() {
		line.Referer, line.Agent = string(header.Peek(fiber.HeaderReferer)), string(header.Peek(fiber.HeaderUserAgent))
	}
	s.Access.Tell(ctx, &line)
}
