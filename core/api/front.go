package api

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp/fasthttpadaptor"
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
}

// Mount adds the front; it must be the first part.
func (f Front) Mount(router fiber.Router) {
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
