package base

import (
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// TestPurgeTakesGroupsWithoutTasks: those that nothing will come into any more, as old as the tasks that go.
func TestPurgeTakesGroupsWithoutTasks(t *testing.T) {
	testkit.OnBoth(t, func(t *testing.T, url string) {
		d := tables.Open(t, url, "")
		old, before := model.Now().Add(-time.Hour), model.Now().Add(-time.Minute)
		var run *task.Run
		check(t, d.InTx(t.Context(), func(tx *db.Tx) error {
			for name, g := range map[string]struct {
				closed bool
				at     time.Time
				state  task.State
			}{
				"goes": {true, old, ""}, "goes with its task": {true, old, task.Completed}, "is open": {false, old, ""}, "is new": {true, model.Now(), ""}, "has a task": {true, old, task.Failed},
			} {
				row := &task.GroupRow{Base: model.NewBase(ident.DefaultDomain), Description: name, AllTasksDispatched: g.closed}
				row.PulpLastUpdated = g.at
				if err := tx.Create(row).Error; err != nil {
					return err
				}
				if g.state != "" {
					if _, err := endedTask(tx, g.state, old, &row.ID); err != nil {
						return err
					}
				}
			}
			it, err := endedTask(tx, task.Running, old, nil)
			run = task.NewRun(task.Setup{DB: d, Row: it, Folder: t.TempDir()})
			return err
		}))
		what, all := purge{Before: before, States: []string{"completed"}}, resource.Cond{SQL: "1 = 1"}
		for n, want := range [][2]int64{{1, 2}, {0, 0}} {
			tasks, groups, err := purgeSome(t.Context(), run, what, all)
			check(t, err)
			if got := [2]int64{tasks, groups}; got != want {
				t.Errorf("batch %d takes %d tasks and %d groups, want %v", n, tasks, groups, want)
			}
		}
		var left []string
		check(t, d.Read(t.Context()).Table("core_task_groups").Order("description").Pluck("description", &left).Error)
		if len(left) != 3 || left[0] != "has a task" || left[1] != "is new" || left[2] != "is open" {
			t.Errorf("left are %q", left)
		}
		check(t, d.InTx(t.Context(), func(tx *db.Tx) error {
			n, err := purgeGroups(tx, ident.New(), model.Now().Add(time.Hour))
			if n != 0 {
				t.Errorf("%d groups of another domain were taken", n)
			}
			return err
		}))
	})
}

// endedTask writes a task of a group that has come to a state.
func endedTask(tx *db.Tx, state task.State, at time.Time, group *string) (*task.Row, error) {
	worker := "w"
	row := &task.Row{ID: ident.New(), DomainID: ident.DefaultDomain, Name: "test.ended", State: state, Args: []byte("{}"), Worker: &worker, StartedAt: &at, TaskGroupID: group, FinishedAt: &at, PulpCreated: at, PulpLastUpdated: at}
	return row, tx.Create(row).Error
}
