package obs

import (
	"context"
	"log/slog"
)

type logKey struct{}

// WithLog gives a context whose work is told in that log: a task's own, for what it has others do.
func WithLog(ctx context.Context, log *slog.Logger) context.Context {
	return context.WithValue(ctx, logKey{}, log)
}

// LogFrom is the log of a context, or the other one where it has none.
func LogFrom(ctx context.Context, otherwise *slog.Logger) *slog.Logger {
	if log, has := ctx.Value(logKey{}).(*slog.Logger); has {
		return log
	}
	return otherwise
}
