package base

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// taskRow is a task with what is kept beside its row.
type taskRow struct {
	base      model.Base
	row       task.Row
	createdBy *int64
	reserved  task.Strings
	reports   []task.ProgressReport
	created   []createdResource
	children  []string
}

type createdResource struct {
	task.CreatedResource
	exists bool
}

func taskPath(id string) string { return "tasks/" + id + "/" }

// Tasks are units of background work.
func Tasks() resource.Of[taskRow] {
	return resource.Of[taskRow]{
		Path: "tasks", Component: "Task", Doc: "A unit of background work.",
		Source: resource.Source{Table: "core_tasks"}, Base: func(t *taskRow) *model.Base { return &t.base },
		Fields: taskFields(), Filters: taskFilters(), Load: loadTasks,
		Minimal: []string{"pulp_href", "prn", "pulp_created", "pulp_last_updated", "pulp_api_version", "name", "state", "unblocked_at", "started_at", "finished_at", "worker"},
		Offers:  []resource.Verb{resource.List, resource.Read, resource.Delete}, SyncDelete: true,
		Access: taskAccess(), Shareable: true, OwnerAlso: []string{viewProfiles},
		Owned:        &auth.Ownership{Policy: "tasks", Table: "core_tasks", Column: "created_by"},
		Roles:        []auth.RoleSpec{{Name: taskUser, Description: "Stands for the users who dispatched a task.", Permissions: []string{"core.add_task"}}},
		Unassignable: taskUser,
		Deleted: func(w *resource.Work, t *taskRow) error {
			if !t.row.Final() {
				return errs.New(errs.Conflict, "") // answered without a body (rest-contract §2.4)
			}
			return forgetTasks(w.Tx, t.base.ID)
		},
		Actions: []resource.Action[taskRow]{cancelAction(), purgeAction(), logsAction(), profilesAction(), whyAction()},
	}
}

// taskUser is the role of those who dispatch tasks; it cannot be given on a task.
const taskUser = "core.task_user_dispatcher"

func taskAccess() resource.Access {
	access := resource.Permissions("core.task")
	access["purge"] = auth.Permission("core.delete_task")
	access["profile_artifacts"] = auth.Permission(viewProfiles)
	return access
}

func taskFields() []resource.Field[taskRow] {
	fields := resource.BaseFields("d.", "core.task", func(t *taskRow) *model.Base { return &t.base }, func(t *taskRow) string { return taskPath(t.base.ID) })
	show := func(name string, schema resource.Schema, write func(s *resource.Show, t *taskRow)) resource.Field[taskRow] {
		return resource.Computed(name, schema, write)
	}
	moment := func(name string, of func(*taskRow) **time.Time) resource.Field[taskRow] {
		return resource.NullTime(name, of).ReadOnly().Filters(resource.Moments)
	}
	return append(fields,
		show("pulp_api_version", resource.String(), func(s *resource.Show, _ *taskRow) { s.String("v3") }),
		resource.Text("state", func(t *taskRow) *string { return (*string)(&t.row.State) }).ReadOnly().Filters(resource.Choice(taskStates()...)),
		resource.Text("name", func(t *taskRow) *string { return &t.row.Name }).ReadOnly().Filters(resource.Exactly, resource.Contains, resource.In, resource.NotEqual),
		resource.Text("logging_cid", func(t *taskRow) *string { return &t.row.LoggingCID }).ReadOnly().Filters(resource.Exactly, resource.Contains),
		resource.Hidden("d.created_by", func(t *taskRow) **int64 { return &t.createdBy }),
		show("created_by", resource.URI().OrNull(), func(s *resource.Show, t *taskRow) {
			if t.createdBy == nil {
				s.Raw("null")
				return
			}
			s.Href("users/" + decimal(*t.createdBy) + "/")
		}),
		moment("unblocked_at", func(t *taskRow) **time.Time { return &t.row.UnblockedAt }),
		moment("started_at", func(t *taskRow) **time.Time { return &t.row.StartedAt }),
		moment("finished_at", func(t *taskRow) **time.Time { return &t.row.FinishedAt }),
		resource.JSON("error", func(t *taskRow) *model.JSON { return &t.row.Error }).ReadOnly(),
		show("worker", resource.URI().OrNull(), func(s *resource.Show, _ *taskRow) { s.Raw("null") }),
		reference("parent_task", "d.parent_task_id", func(t *taskRow) **string { return &t.row.ParentTaskID }, "tasks/"),
		show("child_tasks", resource.URIs(), func(s *resource.Show, t *taskRow) { s.Strings(hrefs(s, t.children)) }),
		reference("task_group", "d.task_group_id", func(t *taskRow) **string { return &t.row.TaskGroupID }, "task-groups/"),
		show("progress_reports", reportSchema(), showReports),
		show("created_resources", resource.URIs(), showCreated),
		show("created_resource_prns", resource.Strings(), func(s *resource.Show, t *taskRow) {
			prns := []string{}
			for _, c := range t.created {
				prns = append(prns, resource.PRN(c.Model, c.ObjectID))
			}
			s.Strings(prns)
		}),
		resource.Hidden("d.reserved_resources", func(t *taskRow) *task.Strings { return &t.reserved }),
		show("reserved_resources_record", resource.Strings(), func(s *resource.Show, t *taskRow) { s.Strings(t.reserved) }),
		resource.JSON("result", func(t *taskRow) *model.JSON { return &t.row.Result }).ReadOnly(),
	)
}

func reference(name, column string, of func(*taskRow) **string, below string) resource.Field[taskRow] {
	return resource.NullReference(name, of, func(_ *resource.Show, t *taskRow) string {
		if id := *of(t); id != nil {
			return below + *id + "/"
		}
		return ""
	}).Column(column).ReadOnly().Filters(resource.ReferenceFilter(true, false))
}

func taskStates() []string {
	var states []string
	for _, s := range task.States() {
		states = append(states, string(s))
	}
	return states
}

func hrefs(s *resource.Show, taskIDs []string) []string {
	out := []string{}
	for _, id := range taskIDs {
		out = append(out, s.Names.Href(taskPath(id)))
	}
	return out
}

func showCreated(s *resource.Show, t *taskRow) {
	list := []string{}
	for _, c := range t.created {
		if c.exists {
			list = append(list, s.Names.Href(c.Path))
		} else {
			list = append(list, "<unavailable>")
		}
	}
	s.Strings(list)
}

// loadTasks brings reports, created resources and children of a page of tasks, each in one query.
func loadTasks(page *resource.Page, rows []*taskRow) error {
	byID, ids := map[string]*taskRow{}, make([]string, 0, len(rows))
	for _, t := range rows {
		byID[t.base.ID], ids = t, append(ids, t.base.ID)
	}
	var reports []task.ProgressReport
	if err := page.Where("task_id", ids).Order("id").Find(&reports).Error; err != nil {
		return err
	}
	for _, r := range reports {
		byID[r.TaskID].reports = append(byID[r.TaskID].reports, r)
	}
	var children []struct{ ID, ParentTaskID string }
	if err := page.Where("parent_task_id", ids).Table("core_tasks").Order("seq").Scan(&children).Error; err != nil {
		return err
	}
	for _, c := range children {
		byID[c.ParentTaskID].children = append(byID[c.ParentTaskID].children, c.ID)
	}
	return loadCreated(page, byID, ids)
}

// loadCreated brings the created resources and looks which of them are still there.
func loadCreated(page *resource.Page, byID map[string]*taskRow, ids []string) error {
	var created []task.CreatedResource
	if err := page.Where("task_id", ids).Order("id").Find(&created).Error; err != nil {
		return err
	}
	byModel := map[string][]string{}
	for _, c := range created {
		byModel[c.Model] = append(byModel[c.Model], c.ObjectID)
	}
	there := map[string]bool{}
	for label, objects := range byModel {
		kind, known := page.Registry.ByModel(label)
		if !known {
			continue
		}
		var found []string
		if err := page.Where("id", objects).Table(kind.Table).Pluck("id", &found).Error; err != nil {
			return err
		}
		for _, id := range found {
			there[label+id] = true
		}
	}
	for _, c := range created {
		byID[c.TaskID].created = append(byID[c.TaskID].created, createdResource{c, there[c.Model+c.ObjectID]})
	}
	return nil
}

func taskFilters() []resource.Filter {
	object := func(f *resource.Filtering, value string) (resource.Cond, error) {
		o, err := f.Locate(value)
		return resource.Cond{SQL: "d.id IN (SELECT c.task_id FROM core_created_resources c WHERE c.object_id = ?)", Args: []any{o.ID}}, err
	}
	filters := []resource.Filter{
		{Name: "created_resources", Schema: resource.URI(), Empty: true, Cond: object},
		{Name: "child_tasks", Schema: resource.URI(), Empty: true, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
			o, err := f.Locate(value)
			return resource.Cond{SQL: "d.id IN (SELECT c.parent_task_id FROM core_tasks c WHERE c.id = ?)", Args: []any{o.ID}}, err
		}},
		{Name: "worker", Schema: resource.String(), Cond: func(*resource.Filtering, string) (resource.Cond, error) {
			return resource.Cond{SQL: "1 = 0"}, nil
		}},
	}
	filters = append(filters, resource.Moments("pulp_created", "d.pulp_created")...)
	for _, name := range []string{"reserved_resources", "exclusive_resources", "shared_resources"} {
		filters = append(filters, reservedFilter(name, name, false), reservedFilter(name+"__in", name, true))
	}
	return filters
}

// reservedFilter looks in the record of reserved resources; __in wants all of the listed ones.
func reservedFilter(name, which string, list bool) resource.Filter {
	schema := resource.String()
	if list {
		schema = resource.Strings()
	}
	return resource.Filter{Name: name, Schema: schema, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		values := []string{value}
		if list {
			values = strings.Split(value, ",")
		}
		var parts []string
		var args []any
		for _, v := range values {
			prn, err := resourceName(f, v)
			if err != nil {
				return resource.Cond{}, err
			}
			exclusive, shared := quoted(prn), quoted("shared:"+prn)
			switch which {
			case "exclusive_resources":
				parts, args = append(parts, recordHas), append(args, exclusive)
			case "shared_resources":
				parts, args = append(parts, recordHas), append(args, shared)
			default:
				parts, args = append(parts, "("+recordHas+" OR "+recordHas+")"), append(args, exclusive, shared)
			}
		}
		return resource.Cond{SQL: strings.Join(parts, " AND "), Args: args}, nil
	}}
}

// recordHas looks for a quoted entry in the JSON list of reserved resources.
const recordHas = `CAST(d.reserved_resources AS text) LIKE ? ESCAPE '\'`

func quoted(entry string) string {
	text, _ := json.Marshal(entry) // strings always marshal
	return "%" + db.EscapeLike(string(text)) + "%"
}

// resourceName is the PRN of an href, and any other text as it is.
func resourceName(f *resource.Filtering, value string) (string, error) {
	if !strings.Contains(value, "/") {
		return value, nil
	}
	o, err := f.Locate(value)
	if err != nil {
		return "", err
	}
	return o.PRN(), nil
}

type stateBody struct{ state string }

// cancelBody is the body of a cancel, of a task or a group.
func cancelBody() resource.Accepts[stateBody] {
	return resource.Accepts[stateBody]{Component: "PatchedTaskCancel", Lenient: true, Fields: []resource.Field[stateBody]{
		resource.Text("state", func(b *stateBody) *string { return &b.state }).Unstored().Required().Check(func(b *stateBody) error {
			if b.state != string(task.Canceled) {
				return errs.New(errs.Invalid, "The only acceptable value for 'state' is 'canceled'.")
			}
			return nil
		}),
	}}
}

// cancelAction is PATCH {"state": "canceled"}: 200 when the task will end so, 409 with the task when it had ended.
func cancelAction() resource.Action[taskRow] {
	body := cancelBody()
	return resource.Action[taskRow]{
		Verb: "cancel", Method: "PATCH", OnSelf: true, ID: "tasks_cancel", Access: resource.Update, Doc: "Cancel the task.", Body: body,
		Answers: map[int]resource.AnswerDoc{200: {Doc: "It is canceled or being canceled.", Schema: "TaskResponse"}, 409: {Doc: "It had ended.", Schema: "TaskResponse"}},
		Handle: func(c *resource.Call, t *taskRow) (*resource.Answer, error) {
			if _, err := body.Read(c); err != nil {
				return nil, err
			}
			_, err := c.Env.Cancel.Cancel(c.Context(), t.base.ID)
			if err != nil && !errs.Is(err, errs.Conflict) {
				return nil, err
			}
			answer, shown := resource.ShowAgain[taskRow](c)
			if shown == nil && err != nil {
				audit.From(c.Context()).Because(string(errs.Conflict))
				answer.Status = 409
			}
			return answer, shown
		},
	}
}
