package base

import (
	"strconv"
	"time"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// workerRow is a worker process with the task that it runs.
type workerRow struct {
	base     model.Base
	name     string
	beat     time.Time
	versions model.JSON
	current  *string
	domain   string // of the current task
}

// Workers are the processes that run tasks.
func Workers() resource.Of[workerRow] {
	fields := resource.BaseFields("d.", "core.appstatus", func(w *workerRow) *model.Base { return &w.base }, func(w *workerRow) string { return "workers/" + w.base.ID + "/" })
	fields = append(fields[:3:3], fields[4:]...) // processes belong to no domain
	fields = append(fields,
		resource.Text("name", func(w *workerRow) *string { return &w.name }).ReadOnly().Filters(resource.Lookups),
		resource.Time("last_heartbeat", func(w *workerRow) *time.Time { return &w.beat }).Column("d.last_heartbeat").ReadOnly().Filters(resource.Moments),
		resource.JSON("versions", func(w *workerRow) *model.JSON { return &w.versions }).ReadOnly(),
		resource.Computed("current_task", resource.URI().OrNull(), func(s *resource.Show, w *workerRow) {
			if w.current == nil {
				s.Raw("null")
				return
			}
			s.String(s.Names.In(w.domain).Href(taskPath(*w.current)))
		}),
	)
	return resource.Of[workerRow]{
		Path: "workers", Model: "core.appstatus", Component: "Worker", Doc: "A process that runs tasks.",
		Source: resource.Source{Table: "core_app_statuses", Where: "d.app_type = 'worker'", NoDomain: true},
		Base:   func(w *workerRow) *model.Base { return &w.base }, Fields: fields, Load: loadCurrent,
		Filters: []resource.Filter{
			aliveFilter("online", true), aliveFilter("missing", false),
		},
		Offers: []resource.Verb{resource.List, resource.Read}, Access: resource.Permissions("core.appstatus"), Unscoped: true,
	}
}

// aliveFilter tells processes with a heartbeat within their time to live from those without.
func aliveFilter(name string, online bool) resource.Filter {
	return resource.Filter{Name: name, Schema: resource.Schema{"type": "boolean"}, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		want, given := resource.Boolean(value)
		if !given {
			return resource.Cond{SQL: "1 = 1"}, nil
		}
		var rows []task.AppStatus
		if err := f.DB.WithContext(f.Context).Find(&rows).Error; err != nil {
			return resource.Cond{}, err
		}
		alive := []string{""}
		for i := range rows {
			if rows[i].Online(time.Now()) {
				alive = append(alive, rows[i].Name)
			}
		}
		if want == online {
			return resource.Cond{SQL: "d.name IN ?", Args: []any{alive}}, nil
		}
		return resource.Cond{SQL: "d.name NOT IN ?", Args: []any{alive}}, nil
	}}
}

func loadCurrent(page *resource.Page, rows []*workerRow) error {
	byName, names := map[string]*workerRow{}, make([]string, 0, len(rows))
	for _, w := range rows {
		byName[w.name], names = w, append(names, w.name)
	}
	var running []struct{ ID, Worker, Domain string }
	if err := page.Where("worker", names).Table("core_tasks t").Select("t.id, t.worker, o.name AS domain").Joins("JOIN core_domains o ON o.id = t.domain_id").Where("t.state IN ('running', 'canceling')").Order("t.started_at").Scan(&running).Error; err != nil {
		return err
	}
	for _, t := range running {
		byName[t.Worker].current, byName[t.Worker].domain = &t.ID, t.Domain
	}
	return nil
}

// groupRow is a task group with the counts of its tasks.
type groupRow struct {
	base        model.Base
	description string
	dispatched  bool
	counts      map[task.State]int64
	tasks       []task.Row
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
		resource.Computed("group_progress_reports", reportSchema(), func(s *resource.Show, _ *groupRow) { s.Raw("[]") }),
		resource.Computed("tasks", resource.Schema{"type": "array", "items": resource.Schema{"type": "object"}}, showMembers),
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

func loadGroups(page *resource.Page, rows []*groupRow) error {
	byID, ids := map[string]*groupRow{}, make([]string, 0, len(rows))
	for _, g := range rows {
		g.counts = map[task.State]int64{}
		byID[g.base.ID], ids = g, append(ids, g.base.ID)
	}
	var members []task.Row
	if err := page.Where("task_group_id", ids).Order("seq").Find(&members).Error; err != nil {
		return err
	}
	for _, t := range members {
		g := byID[*t.TaskGroupID]
		g.counts[t.State]++
		g.tasks = append(g.tasks, t)
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
