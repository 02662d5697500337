// Package obs makes what an operator sees of a running process: its log.
package obs

import (
	"io"
	"log/slog"

	"github.com/packhouse/packhouse/core/errs"
)

// NewLog makes a log that writes one line per record to w, from the level on ("debug", "info", "warn" or "error") and
// in the format "text" (key=value) or "json". Any other level or format is an errs.Invalid error that names the
// setting.
func NewLog(w io.Writer, level, format string) (*slog.Logger, error) {
	least, known := levels()[level]
	if !known {
		return nil, errs.Field("log.level", "%q is not known; choose one of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, errs.Field("log.format", "%q is not known; choose one of text, json", format)
}

func levels() map[string]slog.Level {
	return map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
}
