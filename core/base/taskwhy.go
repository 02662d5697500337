package base

import (
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// whyAction tells what a task waits for, what it does, or how it ended. Other tasks are told of as far as the user may see
// them.
func whyAction() resource.Action[taskRow] {
	return resource.Action[taskRow]{
		Verb: "why", Method: "GET", Access: resource.Read, Doc: "Why the task does not start, what it does, or how it ended.",
		Answers:    map[int]resource.AnswerDoc{200: {Doc: "What there is to know.", Schema: "TaskWhyResponse"}},
		Components: whySchemas(),
		Handle: func(c *resource.Call, t *taskRow) (*resource.Answer, error) {
			sees, err := seesTasks(c)
			if err != nil {
				return nil, err
			}
			e, err := task.Explain(c.Context(), c.Env.DB, t.base.ID, task.Question{Sees: sees, Limit: c.Env.TaskLimit, ByREST: true})
			if err != nil {
				return nil, err
			}
			body, err := resource.Marshal(e)
			return &resource.Answer{Status: 200, JSON: body}, err
		},
	}
}

// seesTasks picks of tasks those that the user may see; nil for a user who sees all.
func seesTasks(c *resource.Call) (func(ids []string) ([]string, error), error) {
	seen, err := c.Viewer().SeesAnywhere("core.task", "core.view_task", "st.id", "st.domain_id")
	if err != nil || seen.Always() {
		return nil, err
	}
	return func(ids []string) (visible []string, err error) {
		err = c.Env.DB.Read(c.Context()).Table("core_tasks st").Where("st.id IN ?", ids).Where(seen.SQL, seen.Args...).Pluck("st.id", &visible).Error
		return visible, err
	}, nil
}

// whySchemas describe task.Explanation.
func whySchemas() map[string]resource.Schema {
	text, number, yes := resource.String(), resource.Schema{"type": "integer"}, resource.Schema{"type": "boolean"}
	moment := resource.Moment()
	object := func(members map[string]resource.Schema) resource.Schema {
		return resource.Schema{"type": "object", "properties": members}
	}
	list := func(of resource.Schema) resource.Schema { return resource.Schema{"type": "array", "items": of} }
	party := func(more map[string]resource.Schema) resource.Schema {
		members := map[string]resource.Schema{"task": text.OrNull(), "kind": text.OrNull(), "state": text, "standing": text, "since": moment, "worker": text.OrNull(), "progress": text.OrNull(), "likely_end": moment.OrNull()}
		for name, schema := range more {
			members[name] = schema
		}
		return object(members)
	}
	queue := object(map[string]resource.Schema{"lane": text, "before": number, "workers": number, "known": text, "places": number, "taken": number, "long_places": number, "long_taken": number})
	caps := object(map[string]resource.Schema{"cap": text, "limit": number, "taken": number, "before": number, "full": yes, "tasks": list(party(nil))})
	report := object(map[string]resource.Schema{"message": text, "code": text, "state": text, "total": number.OrNull(), "done": number, "suffix": text.OrNull(), "changed_at": moment.OrNull()})
	line := object(map[string]resource.Schema{"at": moment, "level": text, "message": text})
	run := object(map[string]resource.Schema{"worker": text, "last_beat": moment.OrNull(), "online": yes, "reports": list(report), "progress": text, "last_line": line.OrNull(), "cancel_by": moment.OrNull(), "likely_end": moment.OrNull()})
	awaited := object(map[string]resource.Schema{"resource": text, "mode": text, "holders": number, "before": number, "tasks": list(party(map[string]resource.Schema{"mode": text, "holds": yes}))})
	detail := map[string]resource.Schema{"caps": list(caps), "queue": queue.OrNull(), "run": run.OrNull()}
	ending := object(map[string]resource.Schema{"finished_at": moment.OrNull(), "seconds": resource.Schema{"type": "number"}.OrNull(), "error": text})
	why := map[string]resource.Schema{
		"task": text, "kind": text, "state": text, "standing": {"type": "string", "enum": task.Standings()}, "since": moment, "likely_start": moment.OrNull(),
		"waits_for": list(awaited), "further_resources": number, "chain": list(party(map[string]resource.Schema{"resource": text.OrNull(), "mode": text, "holds": yes})), "root": object(detail).OrNull(),
		"caps": detail["caps"], "queue": detail["queue"], "run": detail["run"], "end": ending.OrNull(), "advice": text, "summary": text,
	}
	return map[string]resource.Schema{"TaskWhyResponse": object(why)}
}
