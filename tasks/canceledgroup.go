package tasks

import (
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// endWithGroup makes a new task one that has been canceled, if its group was. Until the transaction ends nobody can
// cancel the group, so who does it later finds the task.
func endWithGroup(tx *db.Tx, row *task.Row) error {
	if row.TaskGroupID == nil {
		return nil
	}
	canceled, err := task.GroupCanceled(tx, *row.TaskGroupID)
	if err != nil {
		return fmt.Errorf("dispatch %s: %w", row.Name, err)
	}
	if canceled {
		now := model.Now()
		row.State, row.FinishedAt, row.Error = task.Canceled, &now, task.Reason{Reason: "The task group was canceled."}.JSON()
	}
	return nil
}
