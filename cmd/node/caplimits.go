package node

import (
	"strings"

	"github.com/packhouse/packhouse/core/config"
)

// TaskLimit is how many tasks a cap lets run side by side, by the settings; see task.Question.
func TaskLimit(s config.Settings) func(cap string) int {
	return func(cap string) int {
		what, name, _ := strings.Cut(cap, ":")
		switch what {
		case "user":
			return s.TaskLimits.PerUser
		case "group":
			return s.TaskLimits.Groups[name]
		case "kind":
			return s.TaskLimits.Kinds[name]
		}
		return 0
	}
}
