package cli

import "testing"

func TestRunTaskIsNotForPeople(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.fails(exitFailed, []string{"started by a worker, not by people"}, runTask)
	b.fails(exitMisused, []string{"packhouse run-task"}, runTask, "now")
}
