package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/packhouse/packhouse/core/errs"
)

// slow is how long a statement may take before it is logged.
const slow = 500 * time.Millisecond

// statementLog hands what gorm has to say to slog: slow statements and those that failed through a fault of ours or of
// the server. What a caller can mend (nothing found, duplicate, canceled) is an answer, not an event.
type statementLog struct{ log *slog.Logger }

// LogMode changes nothing: the level is that of the slog handler.
func (l statementLog) LogMode(logger.LogLevel) logger.Interface { return l }

// Info passes on a message of gorm.
func (l statementLog) Info(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, fmt.Sprintf(format, args...))
}

// Warn passes on a message of gorm.
func (l statementLog) Warn(ctx context.Context, format string, args ...any) {
	l.log.WarnContext(ctx, fmt.Sprintf(format, args...))
}

// Error passes on a message of gorm.
func (l statementLog) Error(ctx context.Context, format string, args ...any) {
	l.log.ErrorContext(ctx, fmt.Sprintf(format, args...))
}

// Trace is called after every statement.
func (l statementLog) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), err error) {
	took := time.Since(begin)
	level, message := slog.LevelWarn, "slow statement"
	switch {
	case noteworthy(err):
		level, message = slog.LevelError, "statement failed"
	case took < slow:
		return
	}
	if !l.log.Enabled(ctx, level) {
		return
	}
	text, rows := statement()
	attrs := []slog.Attr{slog.String("sql", text), slog.Int64("rows", rows), slog.Duration("took", took)}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	l.log.LogAttrs(ctx, level, message, attrs...)
}

// ParamsFilter keeps the values of parameters, among them secrets, out of the log.
func (statementLog) ParamsFilter(_ context.Context, statement string, _ ...any) (string, []any) {
	return statement, nil
}

func noteworthy(err error) bool {
	if err == nil || errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, context.Canceled) {
		return false
	}
	switch errs.KindOf(err) {
	case errs.Internal, errs.Unavailable, errs.StorageFull:
		return true
	}
	return false
}

var (
	_ logger.Interface  = statementLog{}
	_ gorm.ParamsFilter = statementLog{}
)
