package base

import (
	"slices"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// cancelGroupAction is PATCH {"state": "canceled"} of a group: for who may change every task of it. The answer is 200
// when no task waits or runs any more, else 409, with the group in both cases.
func cancelGroupAction() resource.Action[groupRow] {
	body := cancelBody()
	return resource.Action[groupRow]{
		Verb: "cancel", Method: "PATCH", OnSelf: true, ID: "task_groups_cancel", Access: resource.Read, Doc: "Cancel the tasks of the group.", Body: body,
		Answers: map[int]resource.AnswerDoc{200: {Doc: "Its tasks have ended or are being canceled.", Schema: "TaskGroupResponse"},
			409: {Doc: "Some tasks could not be canceled.", Schema: "TaskGroupResponse"}},
		Handle: func(c *resource.Call, g *groupRow) (*resource.Answer, error) {
			if _, err := body.Read(c); err != nil {
				return nil, err
			}
			open, err := closeToAll(c, g)
			if err != nil {
				return nil, err
			}
			if err := cancelAll(c, open); err != nil {
				return nil, err
			}
			return afterCancel(c, g.base.ID)
		},
	}
}

// closeToAll marks the group as canceled and gives its unfinished tasks. That may only happen when the caller may change
// every one of its tasks, and more may come until it has happened: so those that came are asked about, and it is tried
// again.
func closeToAll(c *resource.Call, g *groupRow) (open []string, err error) {
	allowed := map[string]bool{}
	unasked := make([]string, 0, len(g.tasks))
	for _, t := range g.tasks {
		unasked = append(unasked, t.ID)
	}
	for {
		if err := mayChange(c, unasked); err != nil {
			return nil, err
		}
		for _, id := range unasked {
			allowed[id] = true
		}
		err := c.Env.DB.InTx(c.Context(), func(tx *db.Tx) (err error) {
			unasked, open, err = markCanceled(tx, g.base.ID, allowed)
			return err
		})
		if err != nil || len(unasked) == 0 {
			return open, err
		}
	}
}

// markCanceled marks the group unless it has tasks that nobody has asked about yet; these are what it gives then.
func markCanceled(tx *db.Tx, group string, allowed map[string]bool) (unasked, open []string, err error) {
	if err := tx.LockRow("core_task_groups", group); err != nil {
		return nil, nil, err
	}
	var members []member
	if err := tx.Table("core_tasks").Select("id, state").Where("task_group_id = ?", group).Order("seq").Scan(&members).Error; err != nil {
		return nil, nil, err
	}
	for _, t := range members {
		if !allowed[t.ID] {
			unasked = append(unasked, t.ID)
		}
		if !t.State.Final() {
			open = append(open, t.ID)
		}
	}
	if len(unasked) > 0 {
		return unasked, nil, nil
	}
	return nil, open, task.CancelGroup(tx, group)
}

// mayChange asks about each task: a group is no way around the permission on its members.
func mayChange(c *resource.Call, tasks []string) error {
	for _, id := range tasks {
		question := auth.Question{User: c.User, Policy: "tasks", Action: "partial_update", Model: "core.task", Object: auth.Object{Model: "core.task", ID: id}, Domain: c.Domain, Payload: namesNothing}
		if _, err := c.Env.Decider.Decide(c.Context(), question); err != nil {
			return err
		}
	}
	return nil
}

// namesNothing is the payload of a body that names no objects.
func namesNothing(string) (auth.Object, bool) { return auth.Object{}, false }

// cancelAll cancels the newest first, so that none of them gets its turn because an earlier one went.
func cancelAll(c *resource.Call, tasks []string) error {
	for _, id := range slices.Backward(tasks) {
		_, err := c.Env.Cancel.Cancel(c.Context(), id)
		if err != nil && !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.NotFound) {
			return err
		}
	}
	return nil
}

func afterCancel(c *resource.Call, group string) (*resource.Answer, error) {
	var open int64
	err := c.Env.DB.Read(c.Context()).Model(&task.Row{}).Where("task_group_id = ? AND state IN ?", group, []task.State{task.Waiting, task.Running}).Count(&open).Error
	if err != nil {
		return nil, err
	}
	answer, err := resource.ShowAgain[groupRow](c)
	if err == nil && open > 0 {
		answer.Status = 409
	}
	return answer, err
}
