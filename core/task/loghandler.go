package task

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"github.com/packhouse/packhouse/core/model"
)

// lineHandler writes records into a logbook. Attributes become JSON in the way of the process log, so that what hides
// itself there hides itself here.
type lineHandler struct {
	book *logbook
	page *page
	json slog.Handler
}

// page is where one record at a time is written.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// handler is the log handler that writes into the book. With faults, the text of faults of ours is shown too.
func (b *logbook) handler(faults bool) slog.Handler {
	p := new(page)
	options := &slog.HandlerOptions{Level: b.least, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 { // time, level and message have columns
			return slog.Attr{}
		}
		return shown(a, faults)
	}}
	return &lineHandler{book: b, page: p, json: slog.NewJSONHandler(&p.text, options).WithGroup(attributesGroup)}
}

// attributesGroup holds all attributes, which keeps them apart from what has columns.
const attributesGroup = "a"

// Enabled tells whether the book keeps the level.
func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.book.least }

// Handle takes up a record.
func (h *lineHandler) Handle(ctx context.Context, r slog.Record) error {
	attributes, err := h.attributes(ctx, r)
	h.book.add(ctx, h.book.line(r, attributes))
	return err
}

func (h *lineHandler) attributes(ctx context.Context, r slog.Record) (model.JSON, error) {
	h.page.mu.Lock()
	defer h.page.mu.Unlock()
	h.page.text.Reset()
	if err := h.json.Handle(ctx, r); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(bytes.TrimSpace(h.page.text.Bytes()), []byte("}"))
	inner, some := bytes.CutPrefix(text, []byte(`{"`+attributesGroup+`":`))
	if !some || string(inner) == "{}" {
		return nil, nil
	}
	return model.JSON(bare(escaped(string(inner)))), nil
}

// WithAttrs gives a handler whose records have the attributes.
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lineHandler{book: h.book, page: h.page, json: h.json.WithAttrs(attrs)}
}

// WithGroup gives a handler whose attributes are in the group.
func (h *lineHandler) WithGroup(name string) slog.Handler {
	return &lineHandler{book: h.book, page: h.page, json: h.json.WithGroup(name)}
}

// masked is what stands for a secret.
const masked = "******"

// secretive are words in the names of attributes that hold secrets.
func secretive() []string {
	return []string{"password", "passwd", "secret", "token", "authorization", "cookie", "credential", "private_key", "client_key"}
}

// shown is an attribute as those may see it who may see the task.
func shown(a slog.Attr, faults bool) slog.Attr {
	name := strings.ToLower(a.Key)
	for _, word := range secretive() {
		if strings.Contains(name, word) {
			return slog.String(a.Key, masked)
		}
	}
	if err, is := a.Value.Any().(error); is && !faults {
		return slog.String(a.Key, FailureOf(err, true).Description)
	}
	if a.Value.Kind() == slog.KindDuration { // JSON would have nanoseconds, which nobody reads
		return slog.String(a.Key, a.Value.Duration().String())
	}
	return a
}

// bare is text in which the addresses have no passwords.
func bare(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return userinfo().ReplaceAllString(text, "://"+masked+"@")
}

// userinfo finds what stands before the host of an address. A password may hold anything but a slash, a space and what
// ends a text.
var userinfo = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`://[^/\s"'<>?#]*@`) })

// escaped is JSON without the escapes of what PostgreSQL cannot keep: the character U+0000, and half a pair.
func escaped(text string) string {
	if !strings.Contains(text, `\u0000`) && !strings.Contains(text, `\ud`) && !strings.Contains(text, `\uD`) {
		return text
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return ""
	}
	clean, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(clean), `\u0000`, `\ufffd`)
}

var _ slog.Handler = (*lineHandler)(nil)
