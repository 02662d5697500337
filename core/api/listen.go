package api

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Part is something that mounts routes: the API, the content server.
type Part interface{ Mount(router fiber.Router) }

// Serve answers on a listener until ctx ends; then it takes no new connections and lets running requests finish
// within the grace time.
func Serve(ctx context.Context, listener net.Listener, grace time.Duration, parts ...Part) error {
	server := fiber.New(Config())
	for _, p := range parts {
		p.Mount(server)
	}
	done := make(chan error, 1)
	go func() { done <- server.Listener(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	err := server.ShutdownWithTimeout(grace)
	return errors.Join(err, <-done)
}
