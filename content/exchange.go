package content

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
)

// exchange is one request with its answer. Its context belongs to the handler; what is logged later is copied.
type exchange struct {
	*Server
	c       *fiber.Ctx
	ctx     context.Context // of the request, for what is logged after the handler
	method  string
	path    string        // as received: not decoded, without the query
	prefix  string        // what the domain's content is served under
	domain  *model.Domain // nil where there is only the default one
	started time.Time
	status  int
	bytes   int64
	how     string // one of the ways below; empty is none of them
	asker   asker  // for the access log
	large   bool   // it has one of the places for large listings
	unit    string // the unit of content whose file it is about; empty is none
	// streamed is set when a body goes on writing after the handler; it logs the exchange then.
	streamed bool
}

func (s *Server) begin(c *fiber.Ctx) *exchange {
	request := c.Request()
	if request.Header.ContentLength() != -2 { // -2 is "no body": an unread one must not be taken for the next request
		c.Response().Header.SetConnectionClose()
		lingering(c)
	}
	return &exchange{
		Server:  s,
		c:       c,
		ctx:     c.UserContext(),
		method:  strings.Clone(c.Method()),
		path:    string(request.URI().PathOriginal()),
		started: time.Now(),
	}
}

// set sets a header whose name is sent as it is written.
func (x *exchange) set(name, value string) {
	x.c.Response().Header.SetCanonical([]byte(name), []byte(value))
}

// lines gives the values of a request header, one for each line that it came in.
func (x *exchange) lines(name string) []string {
	var all []string
	for _, value := range x.c.Request().Header.PeekAll(name) {
		all = append(all, string(value))
	}
	return all
}

// say answers with a short text or page of ours.
func (x *exchange) say(status int, mediaType string, text []byte) {
	x.status = status
	x.c.Status(status)
	x.c.Response().Header.SetContentType(mediaType)
	x.set(fiber.HeaderXContentTypeOptions, "nosniff")
	x.c.Response().SetBodyRaw(text)
	if x.method != fiber.MethodHead {
		x.bytes = int64(len(text))
	}
}

// addSlash sends a client from a folder's name to the folder.
func (x *exchange) addSlash(path string) error {
	if path != "" {
		path += "/"
	}
	return x.moved(path)
}

// moved sends a client to another path. The location starts with the prefix and has no empty segment, so it cannot lead
// to another host.
func (x *exchange) moved(path string) error {
	location := x.prefix + serve.Escaped(path)
	x.set(fiber.HeaderLocation, location)
	x.say(fiber.StatusMovedPermanently, plainText, []byte("it is at "+location+"\n"))
	return nil
}

// The ways in which requests are answered, as Options.Served is told them.
const (
	byStorage   = "stored"   // with a file that was there
	byWebServer = "handed"   // with a file that was there and that the web server in front sends
	byUpstream  = "fetched"  // with a file that had to be fetched
	byRedirect  = "redirect" // with a link to the object storage
	byListing   = "listing"  // with the listing of a folder
	byNothing   = "none"     // with none of these: an error, a condition that was met, a slash that was missing
)

// finish counts and logs the exchange, unless its body is still to be written.
func (x *exchange) finish() {
	if !x.streamed {
		x.end(nil)
	}
}

// end counts and logs the exchange.
func (x *exchange) end(broken error) {
	x.notLarge()
	if x.Served != nil {
		x.Served(cmp.Or(x.how, byNothing), x.bytes, time.Since(x.started))
	}
	if x.unit != "" && broken == nil && x.hasIt() {
		x.Downloaded(x.unit, x.started)
	}
	if x.Access != nil {
		x.logAccess(broken)
	}
}

// hasIt tells whether the client has the file now, or a part of it, or a link to it.
func (x *exchange) hasIt() bool {
	switch x.status {
	case fiber.StatusOK, fiber.StatusPartialContent, fiber.StatusFound, fiber.StatusNotModified:
		return x.method == fiber.MethodGet
	}
	return false
}

// panicked makes an error of a recovered panic.
func panicked(fault any) error {
	return errs.New(errs.Internal, "panic while answering: %w", fmt.Errorf("%v\n%s", fault, debug.Stack()))
}
