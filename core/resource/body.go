package resource

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// readBody decodes the body by its media type. File parts go to receive as they arrive, so a body of any size passes
// through bounded memory; everything else is bounded by MaxBody.
func (c *Call) readBody() error {
	kind, params, err := mime.ParseMediaType(c.Header("Content-Type"))
	length := c.http.Context().Request.Header.ContentLength()
	if length == 0 {
		c.Body = Body{Values: map[string]any{}}
		return nil
	}
	if err != nil && c.Header("Content-Type") != "" {
		return errs.New(errs.Unsupported, "Unsupported media type %q in request.", c.Header("Content-Type"))
	}
	stream := StreamOf(c.http)
	switch kind {
	case "application/json":
		return c.readJSON(stream)
	case "application/x-www-form-urlencoded":
		return c.readForm(stream)
	case "multipart/form-data":
		return c.readMultipart(stream, params["boundary"])
	case "":
		return c.readJSON(stream)
	}
	return errs.New(errs.Unsupported, "Unsupported media type %q in request.", kind)
}

// all reads at most MaxBody bytes.
func (c *Call) all(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, c.Env.MaxBody+1))
	if err != nil {
		return nil, cut(err)
	}
	if int64(len(text)) > c.Env.MaxBody {
		return nil, errs.New(errs.TooLarge, "The body is larger than %d bytes (setting max_body_size).", c.Env.MaxBody)
	}
	return text, nil
}

func cut(err error) error {
	return errs.New(errs.Invalid, "The body ended before it was complete; send it again: %w", err)
}

func (c *Call) readJSON(r io.Reader) error {
	text, err := c.all(r)
	if err != nil {
		return err
	}
	c.Body = Body{Values: map[string]any{}}
	if strings.TrimSpace(string(text)) == "" {
		return nil
	}
	value, err := decodeJSON(text)
	if err != nil {
		return errs.New(errs.Invalid, "JSON parse error - %s", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return errs.Together("Invalid data. Expected a dictionary, but got %T.", value)
	}
	c.Body.Values = object
	return nil
}

func (c *Call) readForm(r io.Reader) error {
	text, err := c.all(r)
	if err != nil {
		return err
	}
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return errs.New(errs.Invalid, "The form could not be read: %s", err)
	}
	c.Body = Body{Form: true, Values: map[string]any{}}
	for name, list := range values {
		for _, value := range list {
			c.Body.add(name, value)
		}
	}
	return nil
}

func (b *Body) add(name string, value any) {
	switch before := b.Values[name].(type) {
	case nil:
		b.Values[name] = value
	case []any:
		b.Values[name] = append(before, value)
	default:
		b.Values[name] = []any{before, value}
	}
}

// maxParts bounds the parts of a multipart body.
const maxParts = 1000

func (c *Call) readMultipart(r io.Reader, boundary string) error {
	if boundary == "" {
		return errs.New(errs.Invalid, "Multipart form parse error - the boundary is missing.")
	}
	c.Body = Body{Form: true, Values: map[string]any{}}
	body := bufio.NewReader(r)
	if start, _ := body.Peek(len("--" + boundary)); string(start) != "--"+boundary { // a body that is too short has no such start
		return errs.New(errs.Invalid, "Multipart form parse error - the body does not begin with its boundary.")
	}
	parts := multipart.NewReader(body, boundary)
	budget := c.Env.MaxBody
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			_, err = c.all(body) // what follows the last part must not be read as the next request
			return err
		}
		if err != nil {
			return cut(err)
		}
		if err := c.readPart(part, &budget); err != nil {
			return err
		}
	}
	return errs.New(errs.TooLarge, "The multipart body has more than %d parts.", maxParts)
}

func (c *Call) readPart(part *multipart.Part, budget *int64) error {
	name := part.FormName()
	if part.FileName() != "" || part.Header.Get("Content-Type") == "application/octet-stream" {
		value, err := c.receive(name, part)
		if err != nil {
			return err
		}
		c.Body.Values[name] = value
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(part, *budget+1))
	if err != nil {
		return cut(err)
	}
	if *budget -= int64(len(text)); *budget < 0 {
		return errs.New(errs.TooLarge, "The body is larger than %d bytes (setting max_body_size).", c.Env.MaxBody)
	}
	c.Body.add(name, string(text))
	return nil
}

// receive takes a file part: by the operation's own way, or as an artifact in waiting.
func (c *Call) receive(name string, r io.Reader) (any, error) {
	if c.op.Files != nil {
		return c.op.Files(c, name, r)
	}
	if c.op.Request == nil || !c.op.Request.Multipart {
		return nil, errs.Field(name, "A file is not expected here.")
	}
	store, err := c.Env.Artifacts.In(c.Context(), c.Domain)
	if err != nil {
		return nil, err
	}
	file, err := store.Receive(c.Context(), r)
	if err != nil {
		return nil, err
	}
	c.Discard(file)
	return file, nil
}
