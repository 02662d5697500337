package base

import (
	"time"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// groupRow is a task group with what its tasks are and count together.
type groupRow struct {
	base        model.Base
	description string
	dispatched  bool
	// counts are all of its tasks, tasks those that who looks may see.
	counts  map[task.State]int64
	tasks   []member
	reports []task.GroupReport
}

// member is a task of a group as far as groups show it.
type member struct {
	ID, Name, TaskGroupID              string
	State                              task.State
	PulpCreated, PulpLastUpdated       time.Time
	UnblockedAt, StartedAt, FinishedAt *time.Time
}

// TaskGroups are sets of tasks that were dispatched together.
func TaskGroups() resource.Of[groupRow] {
	fields := resource.BaseFields("d.", "core.taskgroup", func(g *groupRow) *model.Base { return &g.base }, func(g *groupRow) string { return "task-groups/" + g.base.ID + "/" })
	for i := range fields {
		if fields[i].Name == "pulp_created" || fields[i].Name == "pulp_last_updated" {
			fields[i] = resource.Conceal(fields[i])
		}
	}
	fields = append(fields,
		resource.Text("description", func(g *groupRow) *string { return &g.description }).ReadOnly(),
		resource.Bool("all_tasks_dispatched", func(g *groupRow) *bool { return &g.dispatched }).ReadOnly(),
	)
	for _, state := range []task.State{task.Waiting, task.Skipped, task.Running, task.Completed, task.Canceled, task.Failed, task.Canceling} {
		fields = append(fields, resource.Computed(string(state), resource.Schema{"type": "integer"}, func(s *resource.Show, g *groupRow) { s.Int(g.counts[state]) }))
	}
	fields = append(fields,
		resource.Computed("group_progress_reports", groupReportSchema(), showGroupReports),
		resource.Computed("tasks", resource.Schema{"type": "array", "items": resource.Schema{"type": "object"}}, showMembers).Doc("The tasks of the group, as far as you may see them; the counts are of all."),
	)
	return resource.Of[groupRow]{
		Path: "task-groups", Component: "TaskGroup", Doc: "Tasks that were dispatched together.",
		Source: resource.Source{Table: "core_task_groups"}, Base: func(g *groupRow) *model.Base { return &g.base }, Fields: fields, Load: loadGroups, Unfiltered: true,
		Offers: []resource.Verb{resource.List, resource.Read}, Access: resource.Permissions("core.taskgroup"), ReadBySight: true,
		Sees: func(v *resource.Viewer, key string) (resource.Cond, error) {
			tasks, err := v.Sees("core.task", "core.view_task", "st.id")
			if err != nil || tasks.Always() {
				return tasks, err
			}
			return resource.Cond{SQL: key + " IN (SELECT st.task_group_id FROM core_tasks st WHERE st.task_group_id IS NOT NULL AND " + tasks.SQL + ")", Args: tasks.Args}, nil
		},
		Actions: []resource.Action[groupRow]{cancelGroupAction()},
	}
}

// loadGroups brings the counts, tasks and reports of a page of groups, each in one query.
func loadGroups(page *resource.Page, rows []*groupRow) error {
	byID, ids := map[string]*groupRow{}, make([]string, 0, len(rows))
	for _, g := range rows {
		g.counts = map[task.State]int64{}
		byID[g.base.ID], ids = g, append(ids, g.base.ID)
	}
	var counts []struct {
		TaskGroupID string
		State       task.State
		Tasks       int64
	}
	err := page.Where("task_group_id", ids).Table("core_tasks").Select("task_group_id, state, COUNT(*) AS tasks").Group("task_group_id, state").Scan(&counts).Error
	if err != nil {
		return err
	}
	for _, c := range counts {
		byID[c.TaskGroupID].counts[c.State] = c.Tasks
	}
	if err := loadMembers(page, byID, ids); err != nil {
		return err
	}
	var reports []task.GroupReport
	if err := page.Where("task_group_id", ids).Order("id").Find(&reports).Error; err != nil {
		return err
	}
	for _, r := range reports {
		byID[r.TaskGroupID].reports = append(byID[r.TaskGroupID].reports, r)
	}
	return nil
}

// loadMembers brings the tasks that who looks may see.
func loadMembers(page *resource.Page, groups map[string]*groupRow, ids []string) error {
	seen, err := page.Viewer.SeesAnywhere("core.task", "core.view_task", "t.id", "t.domain_id")
	if err != nil {
		return err
	}
	var members []member
	err = page.Where("t.task_group_id", ids).Table("core_tasks t").Where(seen.SQL, seen.Args...).Order("t.seq").
		Select("t.id, t.name, t.task_group_id, t.state, t.pulp_created, t.pulp_last_updated, t.unblocked_at, t.started_at, t.finished_at").Scan(&members).Error
	if err != nil {
		return err
	}
	for _, t := range members {
		groups[t.TaskGroupID].tasks = append(groups[t.TaskGroupID].tasks, t)
	}
	return nil
}

// showMembers writes the short form of the group's tasks.
func showMembers(s *resource.Show, g *groupRow) {
	s.Raw("[")
	for i, t := range g.tasks {
		if i > 0 {
			s.Raw(",")
		}
		s.Raw(`{"pulp_href":`)
		s.Href(taskPath(t.ID))
		s.Raw(`,"prn":`)
		s.PRN("core.task", t.ID)
		s.Raw(`,"pulp_created":`)
		s.Time(t.PulpCreated)
		s.Raw(`,"pulp_last_updated":`)
		s.Time(t.PulpLastUpdated)
		s.Raw(`,"pulp_api_version":"v3","name":`)
		s.String(t.Name)
		s.Raw(`,"state":`)
		s.String(string(t.State))
		s.Raw(`,"unblocked_at":`)
		s.NullTime(t.UnblockedAt)
		s.Raw(`,"started_at":`)
		s.NullTime(t.StartedAt)
		s.Raw(`,"finished_at":`)
		s.NullTime(t.FinishedAt)
		s.Raw(`,"worker":null}`)
	}
	s.Raw("]")
}
