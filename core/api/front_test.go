package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// heard keeps what a watch is told.
type heard struct {
	parents []string
	answers []string
}

type heardKey struct{}

// Request notes a request and marks its context.
func (h *heard) Request(ctx context.Context, method, traceparent string) (context.Context, func(route string, status int)) {
	h.parents = append(h.parents, traceparent)
	return context.WithValue(ctx, heardKey{}, true), func(route string, status int) {
		h.answers = append(h.answers, method+" "+route+" "+http.StatusText(status))
	}
}

func TestTheFrontTellsRoutesAndNeverPaths(t *testing.T) {
	t.Parallel()
	h := &heard{}
	app := fiber.New(Config())
	Front{Watch: h}.Mount(app)
	app.Get("/", func(c *fiber.Ctx) error { return c.SendStatus(302) })
	app.Get("/a/:id/", func(c *fiber.Ctx) error {
		if c.UserContext().Value(heardKey{}) == nil {
			t.Error("the handler has not got the context")
		}
		return c.SendStatus(200)
	})
	app.Get("/files/*", func(c *fiber.Ctx) error { return c.SendStatus(404) })
	app.Get("/broken", func(*fiber.Ctx) error { return errors.New("broken") })
	app.Use("/pulp/", func(c *fiber.Ctx) error { stray(c); return c.SendStatus(404) })
	for _, path := range []string{"/", "/a/secret/?token=secret", "/files/secret", "/broken", "/pulp/secret", "/secret", "/metrics"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Traceparent", "tp")
		if _, err := app.Test(r); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"GET / Found", "GET /a/:id/ OK", "GET /files/* Not Found", "GET /broken Internal Server Error",
		"GET unrouted Not Found", "GET unrouted Not Found", "GET unrouted Not Found",
	}
	if !slices.Equal(h.answers, want) {
		t.Errorf("heard %q, want %q", h.answers, want)
	}
	if len(h.parents) != len(want) || slices.ContainsFunc(h.parents, func(p string) bool { return p != "tp" }) {
		t.Errorf("the parents are %q", h.parents)
	}
}
