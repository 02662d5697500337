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
			if err := mayChange(c, g.tasks); err != nil {
				return nil, err
			}
			err := c.Env.DB.InTx(c.Context(), func(tx *db.Tx) error { return task.CloseGroup(tx, g.base.ID) })
			if err != nil {
				return nil, err
			}
			if err := cancelAll(c, g.tasks); err != nil {
				return nil, err
			}
			return afterCancel(c, g.base.ID)
		},
	}
}

// mayChange asks about each task: a group is no way around the permission on its members.
func mayChange(c *resource.Call, tasks []task.Row) error {
	for _, t := range tasks {
		question := auth.Question{User: c.User, Policy: "tasks", Action: "partial_update", Model: "core.task", Object: auth.Object{Model: "core.task", ID: t.ID}, Domain: c.Domain, Payload: namesNothing}
		if _, err := c.Env.Decider.Decide(c.Context(), question); err != nil {
			return err
		}
	}
	return nil
}

// namesNothing is the payload of a body that names no objects.
func namesNothing(string) (auth.Object, bool) { return auth.Object{}, false }

// cancelAll cancels the newest first, so that none of them gets its turn because an earlier one went.
func cancelAll(c *resource.Call, tasks []task.Row) error {
	for _, t := range slices.Backward(tasks) {
		if t.Final() {
			continue
		}
		_, err := c.Env.Cancel.Cancel(c.Context(), t.ID)
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
