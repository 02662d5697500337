package config

import (
	"maps"
	"slices"
)

// checkTaskLimits keeps limits from being negative and leaves long work a place on every worker. Which kinds of tasks
// there are is known only where the plugins are.
func (s Settings) checkTaskLimits(c *checker) {
	const most = 1_000_000
	within := func(key string, n int) {
		c.must(0 <= n && n <= most, key, "%d must lie between 0, which sets no limit, and %d", n, most)
	}
	within("task_limits.per_user", s.TaskLimits.PerUser)
	for key, limits := range map[string]map[string]int{"task_limits.groups": s.TaskLimits.Groups, "task_limits.kinds": s.TaskLimits.Kinds} {
		for _, name := range slices.Sorted(maps.Keys(limits)) {
			c.must(name != "", key, "names nothing; write name: number")
			within(key, limits[name])
		}
	}
	c.must(0 <= s.Worker.ShortPlaces && s.Worker.ShortPlaces < max(s.Worker.Concurrency, 1), "worker.short_places",
		"%d must be less than worker.concurrency, or long work would never begin", s.Worker.ShortPlaces)
}
