package resource

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Stream is the body of a request as it arrives. It remembers its end: the HTTP library's own would read on into the
// next request of the connection.
type Stream struct {
	from io.Reader
	end  error
}

// Read reads on; after the end it is always the end.
func (s *Stream) Read(p []byte) (int, error) {
	if s.end != nil {
		return 0, s.end
	}
	n, err := s.from.Read(p)
	s.end = err
	return n, err
}

type streamKey struct{}

// StreamOf is the one stream of a request's body.
func StreamOf(c *fiber.Ctx) *Stream {
	if s, known := c.Context().UserValue(streamKey{}).(*Stream); known {
		return s
	}
	s := &Stream{from: c.Context().RequestBodyStream()}
	if s.from == nil {
		s.from = bytes.NewReader(c.Context().Request.Body())
	}
	if length := c.Context().Request.Header.ContentLength(); length == 0 || length < -1 { // -1 is a body in pieces, -2 none
		s.end = io.EOF
	}
	c.Context().SetUserValue(streamKey{}, s)
	return s
}

const (
	// leftover is how many bytes of a body that nobody wanted are read for the connection to be used again.
	leftover = 256 << 10
	// patience is how long the client may take to send them.
	patience = 5 * time.Second
)

// Leave ends the reading of a body, wanted or not. What is left unread would be taken for the next request, so a
// connection whose body does not end soon is closed with the answer.
func Leave(c *fiber.Ctx) {
	s := StreamOf(c)
	if s.end == nil {
		connection := c.Context().Conn()
		if connection != nil && connection.SetReadDeadline(time.Now().Add(patience)) == nil {
			defer func() { _ = connection.SetReadDeadline(time.Time{}) }() // a connection that is gone needs none
		}
		_, _ = io.CopyN(io.Discard, s, leftover) // the end tells the outcome
	}
	if !errors.Is(s.end, io.EOF) {
		c.Context().SetConnectionClose()
	}
}
