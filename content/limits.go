package content

import (
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// overlong is a path that is too long to name anything.
type overlong struct{ error }

// Unwrap gives the error that the client is told.
func (o overlong) Unwrap() error { return o.error }

// short refuses paths that are longer than any that is looked up.
func short(path string) error {
	if len(path) > serve.MaxPath {
		return overlong{errs.New(errs.TooLarge, "the path is longer than %d bytes; nothing has such a name", serve.MaxPath)}
	}
	return nil
}

// lingering has the connection end only when the client has stopped sending, so that it reads the answer that says why.
func lingering(c *fiber.Ctx) {
	if conn, ok := c.Context().Conn().(interface{ Linger() }); ok {
		conn.Linger()
	}
}

// refusal says why a request is for no content.
func (s *Server) refusal(status int) string {
	switch status {
	case fiber.StatusRequestHeaderFieldsTooLarge:
		return fmt.Sprintf("the request line and the headers together are longer than %d bytes", headerBytes)
	case fiber.StatusRequestTimeout:
		return "the request did not arrive in time"
	case fiber.StatusBadRequest:
		return "this is no proper HTTP request"
	}
	return "content is served under " + s.Prefix
}
