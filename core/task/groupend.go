package task

import (
	"context"
	"fmt"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// EndGroup marks a task group as canceled, so that nothing more begins in it, and cancels its unfinished tasks, the newest
// first, so that none of them gets its turn because an earlier one went. It gives how many these were.
//
// may is asked about every task of the group before anything is done, and its error ends it; nil allows everything. More
// tasks may come until the group is marked: so those that came are asked about, and it is tried again.
func EndGroup(ctx context.Context, d *db.DB, by Canceler, group string, may func(tasks []string) error) (open int, err error) {
	allowed := map[string]bool{}
	for {
		var unasked, unfinished []string
		err := d.InTx(ctx, func(tx *db.Tx) (err error) {
			unasked, unfinished, err = markCanceled(tx, group, allowed, may == nil)
			return err
		})
		if err != nil {
			return 0, err
		}
		if len(unasked) == 0 {
			return len(unfinished), cancelAll(ctx, by, unfinished)
		}
		if err := may(unasked); err != nil {
			return 0, err
		}
		for _, id := range unasked {
			allowed[id] = true
		}
	}
}

// markCanceled marks the group unless it has tasks that nobody has asked about yet; these are what it gives then.
func markCanceled(tx *db.Tx, group string, allowed map[string]bool, all bool) (unasked, open []string, err error) {
	if err := tx.LockRow("core_task_groups", group); err != nil {
		return nil, nil, err
	}
	var members []Row
	if err := tx.Model(&Row{}).Select("id, state").Where("task_group_id = ?", group).Order("seq").Find(&members).Error; err != nil {
		return nil, nil, fmt.Errorf("read the tasks of the task group %s: %w", group, err)
	}
	for _, t := range members {
		if !all && !allowed[t.ID] {
			unasked = append(unasked, t.ID)
		}
		if !t.Final() {
			open = append(open, t.ID)
		}
	}
	if len(unasked) > 0 {
		return unasked, nil, nil
	}
	return nil, open, CancelGroup(tx, group)
}

// cancelAll cancels tasks in the order from the last to the first. One that has ended meanwhile, or was deleted, is none to
// cancel.
func cancelAll(ctx context.Context, by Canceler, tasks []string) error {
	for _, id := range slices.Backward(tasks) {
		_, err := by.Cancel(ctx, id)
		if err != nil && !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.NotFound) {
			return err
		}
	}
	return nil
}
