package base

import (
	"github.com/packhouse/packhouse/core/auth"
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
			_, err := task.EndGroup(c.Context(), c.Env.DB, c.Env.Cancel, g.base.ID, func(ids []string) error { return mayChange(c, ids) })
			if err != nil {
				return nil, err
			}
			return afterCancel(c, g.base.ID)
		},
	}
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
