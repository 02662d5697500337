package task

import (
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// NewGroup makes a task group, in the transaction that dispatches its tasks with the option Group. Of its tasks, atMost
// run side by side; 0 is no limit.
func NewGroup(tx *db.Tx, domain, description string, atMost int) (*GroupRow, error) {
	group := &GroupRow{Base: model.NewBase(domain), Description: description, AtMost: int64(atMost)}
	if err := tx.Create(group).Error; err != nil {
		return nil, fmt.Errorf("make the task group %q: %w", description, err)
	}
	return group, nil
}

// CloseGroup notes that no more tasks will be dispatched in a group.
func CloseGroup(tx *db.Tx, id string) error {
	err := tx.Model(&GroupRow{}).Where("id = ?", id).Updates(map[string]any{"all_tasks_dispatched": true, "pulp_last_updated": model.Now()}).Error
	if err != nil {
		return fmt.Errorf("close the task group %s: %w", id, err)
	}
	return nil
}

// CancelGroup notes that a group is canceled and closed: GroupCanceled then holds for all who dispatch into it, and
// whoever was about to has committed, so that the members of the group can be read. It is for a transaction of its own.
func CancelGroup(tx *db.Tx, id string) error {
	if err := tx.LockRow("core_task_groups", id); err != nil {
		return err
	}
	err := tx.Model(&GroupRow{}).Where("id = ?", id).Updates(map[string]any{"canceled": true, "all_tasks_dispatched": true, "pulp_last_updated": model.Now()}).Error
	if err != nil {
		return fmt.Errorf("cancel the task group %s: %w", id, err)
	}
	return nil
}

// GroupCanceled tells whether a group was canceled, and keeps that from changing until the end of the transaction.
// Others may look at the same time. errs.NotFound when there is no such group.
func GroupCanceled(tx *db.Tx, id string) (bool, error) {
	query := "SELECT canceled FROM core_task_groups WHERE id = ?"
	if tx.Dialect() == db.Postgres {
		query += " FOR SHARE"
	}
	var found []bool
	if err := tx.Raw(query, id).Scan(&found).Error; err != nil {
		return false, fmt.Errorf("look whether the task group %s was canceled: %w", id, err)
	}
	if len(found) == 0 {
		return false, errs.New(errs.NotFound, "there is no task group %s", id)
	}
	return found[0], nil
}
