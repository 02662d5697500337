package node

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/tasks"
)

// NewCanceler makes the machine of tasks for a process that runs none and only ends what others run. What a canceled task
// made way for is admitted within the same limits as everywhere. Stop must follow.
func NewCanceler(s config.Settings, d *db.DB, log *slog.Logger) (*tasks.Tasks, error) {
	return NewDispatcher(s, d, nil, log)
}

// NewDispatcher is NewCanceler for a process that also has others run tasks, of these kinds.
func NewDispatcher(s config.Settings, d *db.DB, kinds map[string]task.Handler, log *slog.Logger) (*tasks.Tasks, error) {
	box, err := openKeys(s)
	if err != nil {
		return nil, err
	}
	return tasks.New(tasks.Options{
		DB: d, Box: box, RedisURL: s.RedisURL.Reveal(), Log: log, Handlers: slices.Collect(maps.Values(kinds)),
		Limits:      tasks.Limits{PerUser: s.TaskLimits.PerUser, Groups: s.TaskLimits.Groups, Kinds: s.TaskLimits.Kinds},
		CancelLimit: time.Duration(s.TaskCancelLimit) * time.Second,
	})
}
