package resource

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/task"
)

// diagnostics are what the request wants to have recorded of the tasks that it dispatches (rest-contract §1.4).
func diagnostics(env *Env, c *fiber.Ctx) []string {
	header := c.Get("X-Task-Diagnostics")
	if header == "" {
		return nil
	}
	return task.AskedDiagnostics(strings.Split(header, ","), env.Diagnostics)
}
