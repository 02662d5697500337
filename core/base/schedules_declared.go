package base

import (
	"time"

	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// longestPause is the longest time between two rounds of upkeep: nothing is kept much longer than its time and a day.
const longestPause = 24 * time.Hour

// declaredSchedules are the core's own: upkeep that settings ask for.
func declaredSchedules(env *resource.Env) (all []task.Schedule) {
	add := func(name string, protection time.Duration, args func(minutes int64) task.Args) {
		if protection > 0 {
			all = append(all, task.Schedule{Name: name, Args: args(int64(protection / time.Minute)), Every: min(protection, longestPause)})
		}
	}
	add("clean up uploads", env.UploadProtection, func(m int64) task.Args { return cleanUploads{Minutes: m} })
	add("clean up temporary files", env.TmpfileProtection, func(m int64) task.Args { return cleanTemporary{Minutes: m} })
	add("purge tasks", env.TaskProtection, func(m int64) task.Args { return everywhere{Purge: true, Minutes: m} })
	if env.OrphanProtection > 0 {
		all = append(all, task.Schedule{Name: "clean up orphans", Args: everywhere{Orphans: true, Minutes: protection(env)}, Every: longestPause})
	}
	return all
}
