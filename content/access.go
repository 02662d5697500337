package content

import (
	"context"
	"net/netip"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/obs/access"
)

// asker is what the access log says of the one who asks.
type asker struct {
	known          bool
	client         netip.Addr
	user           string // as a guard has found out
	referer, agent string
	protocol       string
}

// askedBy notes who asks, as long as the request can be looked at.
func (x *exchange) askedBy() {
	if x.Access == nil || x.asker.known {
		return
	}
	x.asker.known, x.asker.client = true, x.Proxies.Client(credentials{x})
	if !x.Access.Named() {
		return
	}
	header, a := &x.c.Request().Header, x.asker
	a.protocol = "HTTP/1.0"
	if header.IsHTTP11() {
		a.protocol = "HTTP/1.1"
	}
	a.referer, a.agent = string(header.Peek(fiber.HeaderReferer)), string(header.Peek(fiber.HeaderUserAgent))
	x.asker = a
}

// identifier is what guards find out with who asks; the access log hears of it.
func (x *exchange) identifier() auth.Identify {
	if x.Identify == nil || x.Access == nil || !x.Access.Named() {
		return x.Identify
	}
	return func(ctx context.Context, r auth.Credentials) (*auth.User, error) {
		user, err := x.Identify(ctx, r)
		if err == nil && user != nil {
			x.asker.user = user.Username
		}
		return user, err
	}
}

// logAccess writes the line of the exchange.
func (x *exchange) logAccess(broken error) {
	if !x.streamed {
		x.askedBy()
	}
	line := access.Line{
		Began: x.started, Took: time.Since(x.started), Method: x.method, Path: x.path, Status: x.status, Bytes: x.bytes,
		Client: x.asker.client, User: x.asker.user, Referer: x.asker.referer, Agent: x.asker.agent, Protocol: x.asker.protocol,
	}
	if broken != nil {
		line.Broken = broken.Error()
	}
	x.Access.Tell(x.ctx, &line)
}

// logOutside writes the line of a request that is for no content. Logs of web servers have that too; the log of the process
// does not. Of one that could not be read there is neither method nor path.
func (x *exchange) logOutside() {
	if x.Access == nil || !x.Access.Named() {
		return
	}
	switch x.status {
	case fiber.StatusBadRequest, fiber.StatusRequestTimeout, fiber.StatusRequestHeaderFieldsTooLarge:
		x.askedBy()
		x.method, x.path, x.asker.protocol = "", "", ""
	}
	x.logAccess(nil)
}
