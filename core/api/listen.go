package api

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/packhouse/packhouse/core/resource"
)

// Part is something that mounts routes: the API, the content server.
type Part interface{ Mount(router fiber.Router) }

const (
	// headBytes is the longest head of a request, headTimeout how long one may take to arrive.
	headBytes   = 32 << 10
	headTimeout = 30 * time.Second
	// uploadTimeout is how long the body may take.
	uploadTimeout = 24 * time.Hour
)

// uploading gives a request whose head has arrived the time for its body, which may be a large file.
func uploading(*fasthttp.RequestHeader) fasthttp.RequestConfig {
	return fasthttp.RequestConfig{ReadTimeout: uploadTimeout}
}

// logUnread has a request that could not be read logged by the part that can.
func logUnread(c *fiber.Ctx, parts []Part) {
	for _, p := range parts {
		if s, ok := p.(*Server); ok {
			s.logUnread(c)
		}
	}
}

// Serve answers on a listener until ctx ends; then it takes no new connections and lets running requests finish
// within the grace time.
func Serve(ctx context.Context, listener net.Listener, grace time.Duration, parts ...Part) error {
	config := Config()
	config.ErrorHandler = func(c *fiber.Ctx, err error) error {
		fault := foreign(c, err)
		if len(c.Route().Handlers) == 0 { // not even a route was looked for
			logUnread(c, parts)
		}
		return fault
	}
	server := fiber.New(config)
	server.Use(func(c *fiber.Ctx) error {
		err := c.Next()
		resource.Leave(c)
		return err
	})
	server.Server().HeaderReceived = uploading
	server.Server().CloseOnShutdown = true // an answer that is written while the server stops says that it closes
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
	_ = listener.Close() // a stop that came before the first accept is not seen by the server
	served := <-done
	if errors.Is(served, net.ErrClosed) || errors.Is(served, io.EOF) {
		served = nil
	}
	return errors.Join(err, served)
}
