package trace

import (
	"context"
	"log/slog"
	"slices"

	"github.com/packhouse/packhouse/core/obs"
)

// Logged gives a log whose records say which trace they belong to, where their context knows.
func Logged(log *slog.Logger) *slog.Logger { return slog.New(logged{Handler: log.Handler()}) }

// logged adds the trace to records. One that says so already is left alone.
type logged struct {
	slog.Handler
	said bool
}

// Handle writes a record.
func (l logged) Handle(ctx context.Context, r slog.Record) error {
	if id := ID(ctx); id != "" && !l.said && !says(r) {
		r = r.Clone()
		r.AddAttrs(slog.String(obs.TraceKey, id))
	}
	return l.Handler.Handle(ctx, r)
}

// says tells whether a record names its trace, as those do that another process has made.
func says(r slog.Record) (said bool) {
	r.Attrs(func(a slog.Attr) bool {
		said = a.Key == obs.TraceKey
		return !said
	})
	return said
}

// WithAttrs gives a handler with more attributes.
func (l logged) WithAttrs(attrs []slog.Attr) slog.Handler {
	said := l.said || slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == obs.TraceKey })
	return logged{Handler: l.Handler.WithAttrs(attrs), said: said}
}

// WithGroup gives a handler whose attributes stand in a group.
func (l logged) WithGroup(name string) slog.Handler {
	return logged{Handler: l.Handler.WithGroup(name), said: l.said}
}

var _ slog.Handler = logged{}
