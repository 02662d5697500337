package task

import (
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
)

// NewGroup makes a task group, in the transaction that dispatches its tasks with the option Group.
func NewGroup(tx *db.Tx, domain, description string) (*GroupRow, error) {
	group := &GroupRow{Base: model.NewBase(domain), Description: description}
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
