package api

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"github.com/packhouse/packhouse/core/obs/health"
)

// MetricsPath is where the metrics are read.
const MetricsPath = "/metrics"

// strayRoute stands for all paths that no route takes.
const strayRoute = "unrouted"

// Watch hears of requests, for metrics and traces.
type Watch interface {
	// Request is told of a request that begins, with its header traceparent. The request goes on with the context that it
	// gives. The function is called once, with the template of the route that took the request, when it is answered; the
	// bytes of a file may still follow.
	Request(ctx context.Context, method, traceparent string) (context.Context, func(route string, status int))
}

// Front is what stands before all other parts of a server: it watches requests and answers with the metrics.
type Front struct {
	// Watch may be nil.
	Watch Watch
	// Metrics answers at /metrics; nil leaves the path to others.
	Metrics http.Handler
	// Health answers at /livez and /readyz; nil leaves the paths to others. Nobody has to say who asks, and neither the
	// access log nor Watch hears of it.
	Health *health.Health
}

// Mount adds the front; it must be the first part.
func (f Front) Mount(router fiber.Router) {
	if f.Health != nil {
		router.Get(health.LivePath, f.health)
		router.Get(health.ReadyPath, f.health)
	}
	if f.Watch != nil {
		router.Use(f.watch)
	}
	if f.Metrics == nil {
		return
	}
	answer := fasthttpadaptor.NewFastHTTPHandler(f.Metrics)
	router.Get(MetricsPath, func(c *fiber.Ctx) error {
		answer(c.Context())
		return nil
	})
}

// health answers whoever wants to know how the process is.
func (f Front) health(c *fiber.Ctx) error {
	status, body := f.Health.Answer(c.UserContext(), c.Path())
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).Send(body)
}

// watch tells of a request. An error that is left is answered here, so that its status is known.
func (f Front) watch(c *fiber.Ctx) error {
	ctx, ended := f.Watch.Request(c.UserContext(), c.Method(), c.Get("traceparent"))
	c.SetUserContext(ctx)
	err := c.Next()
	if err != nil {
		err = c.App().ErrorHandler(c, err)
	}
	ended(routeOf(c), c.Response().StatusCode())
	return err
}

type strayKey struct{}

// stray marks a request that no route takes.
func stray(c *fiber.Ctx) { c.Locals(strayKey{}, true) }

// routeOf is the template of the route that took the request.
func routeOf(c *fiber.Ctx) string {
	route := c.Route().Path
	if c.Locals(strayKey{}) != nil || route == "/" && c.Path() != "/" { // all that comes by passes what is in use at "/"
		return strayRoute
	}
	return route
}

var _ Part = Front{}
