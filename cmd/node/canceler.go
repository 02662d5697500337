package node

import (
	"log/slog"
	"time"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/tasks"
)

// NewCanceler makes the machine of tasks for a process that runs none and only ends what others run. What a canceled task
// made way for is admitted within the same limits as everywhere. Stop must follow.
func NewCanceler(s config.Settings, d *db.DB, log *slog.Logger) (*tasks.Tasks, error) {
	box, err := openKeys(s)
	if err != nil {
		return nil, err
	}
	return tasks.New(tasks.Options{
		DB: d, Box: box, RedisURL: queueURL(s), Log: log,
		Limits:      tasks.Limits{PerUser: s.TaskLimits.PerUser, Groups: s.TaskLimits.Groups, Kinds: s.TaskLimits.Kinds},
		CancelLimit: time.Duration(s.TaskCancelLimit) * time.Second,
	})
}
