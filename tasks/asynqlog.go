package tasks

import (
	"fmt"
	"log/slog"

	"github.com/hibiken/asynq"
)

// asynqLog writes asynq's own words to our log.
type asynqLog struct{ log *slog.Logger }

func (l asynqLog) Debug(args ...any) { l.log.Debug("queue: " + fmt.Sprint(args...)) }
func (l asynqLog) Info(args ...any)  { l.log.Debug("queue: " + fmt.Sprint(args...)) }
func (l asynqLog) Warn(args ...any)  { l.log.Warn("queue: " + fmt.Sprint(args...)) }
func (l asynqLog) Error(args ...any) { l.log.Error("queue: " + fmt.Sprint(args...)) }

// Fatal only logs: asynq calls it for misuse, and a library does not end our process.
func (l asynqLog) Fatal(args ...any) { l.log.Error("queue: " + fmt.Sprint(args...)) }

var _ asynq.Logger = asynqLog{}
