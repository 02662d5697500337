package node

import (
	"maps"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/task"
)

// limitsMeanSomething refuses limits for kinds of tasks that no enabled plugin has: a misspelt one would limit nothing.
func limitsMeanSomething(s config.Settings, handlers []task.Handler) error {
	known := map[string]bool{}
	for _, h := range handlers {
		known[h.Kind()] = true
	}
	for _, kind := range slices.Sorted(maps.Keys(s.TaskLimits.Kinds)) {
		if !known[kind] {
			return &config.Fault{Key: "task_limits.kinds", Message: "there is no kind of tasks " + kind + "; choose one of " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")}
		}
	}
	return nil
}
