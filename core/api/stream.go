package api

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/resource"
)

const (
	// sendPatience is how long a client may leave a part of a stream unread before it counts as gone.
	sendPatience = 30 * time.Second
	// sendPart is how many bytes a part has at most. A few of them wait between the writer and the connection.
	sendPart = 4 << 10
)

// stream sends a body while it is being written. The HTTP library does that beside the handler, and a panic there would
// end the process.
func (s *Server) stream(c *fiber.Ctx, a *resource.Answer, cid string) error {
	c.Status(a.Status)
	c.Set(fiber.HeaderContentType, a.Type)
	for name, value := range a.Headers {
		c.Set(name, value)
	}
	if c.Method() == fiber.MethodHead {
		ended, end := context.WithCancel(context.Background()) // detached: it has ended
		end()
		_ = a.Stream(ended, nowhere{}) // nothing of it is sent
		return nil
	}
	c.Context().SetConnectionClose() // its deadlines must not be those of another answer
	stopping, connection := c.Context().Done(), c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		ctx, cancel := context.WithCancel(context.Background()) // detached: the request has been handled, the server's end is watched for
		defer cancel()
		defer survive(s.Log, cid)
		go func() {
			select {
			case <-stopping:
				cancel()
			case <-ctx.Done():
			}
		}()
		to := &flow{buffer: w, connection: connection, patience: s.patience}
		whole := false
		defer func() { to.end(whole) }()
		err := a.Stream(ctx, to)
		if whole = err == nil; !whole {
			s.Log.Info("an answer was broken off", "cid", cid, "error", err)
		}
	})
	return nil
}

// survive tells of a panic.
func survive(log *slog.Logger, cid string) {
	if cause := recover(); cause != nil {
		log.Error("the stream of an answer panicked", "cid", cid, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	}
}

// flow is a body on its way to a client, who has to go on reading it: the library that takes it from the buffer to the
// connection sets no deadline of its own.
type flow struct {
	buffer     *bufio.Writer
	connection net.Conn
	patience   time.Duration
}

// Write writes part by part, so that a client who reads slowly, but reads, has time for each.
func (f *flow) Write(p []byte) (n int, err error) {
	for part := range slices.Chunk(p, sendPart) {
		if err := f.moveOn(); err != nil {
			return n, err
		}
		written, err := f.buffer.Write(part)
		n += written
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Flush sends what was written.
func (f *flow) Flush() error {
	if err := f.moveOn(); err != nil {
		return err
	}
	return f.buffer.Flush()
}

// end gives the end of the body its time too. Of a body that is not whole the end is not sent: the connection breaks off.
func (f *flow) end(whole bool) {
	if whole {
		_ = f.moveOn() // fails on a closed connection only, which takes nothing any more
		return
	}
	if tcp, ok := f.connection.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // a proxy that speaks HTTP/1.0 takes any softer end for that of the body
	}
	_ = f.connection.SetWriteDeadline(time.Unix(1, 0)) // as above
}

// moveOn gives the client time for what is sent next.
func (f *flow) moveOn() error { return f.connection.SetWriteDeadline(time.Now().Add(f.patience)) }

// nowhere is where the body of a HEAD goes.
type nowhere struct{}

// Write forgets.
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// Flush sends nothing.
func (nowhere) Flush() error { return nil }

// length is how many bytes the body of an answer has, -1 where it is still being written: asking for those would read
// them.
func length(c *fiber.Ctx) int {
	if c.Response().IsBodyStream() {
		return -1
	}
	return len(c.Response().Body())
}

var (
	_ resource.Flow = (*flow)(nil)
	_ resource.Flow = nowhere{}
)
