package config

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTaskLimits gives limits in each of the ways in which settings come; names of kinds have dots.
func TestTaskLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "packhouse.yaml"), "task_limits:\n  per_user: 5\n  kinds: {a.b.c: 2, d: 1}\n  groups: {ci: 3}\n")
	s := mustLoad(t, Options{Files: []string{file}, Environ: []string{`PACKHOUSE_TASK_LIMITS__KINDS={"d": 4}`, "PACKHOUSE_WORKER__SHORT_PLACES=2", "PACKHOUSE_TASK_CANCEL_LIMIT=9"}}).Settings
	want := TaskLimits{PerUser: 5, Groups: map[string]int{"ci": 3}, Kinds: map[string]int{"a.b.c": 2, "d": 4}}
	if diff := cmp.Diff(want, s.TaskLimits); diff != "" || s.Worker.ShortPlaces != 2 || s.TaskCancelLimit != 9 {
		t.Errorf("%s %d %d", diff, s.Worker.ShortPlaces, s.TaskCancelLimit)
	}
	_, err := Load(Options{Environ: []string{`PACKHOUSE_TASK_LIMITS__GROUPS={"ci": "many"}`}})
	wantFaults(t, err, "expected a whole number")
}
