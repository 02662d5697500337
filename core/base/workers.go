package base

import (
	"strconv"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// workerRow is a worker process with the tasks that it runs.
type workerRow struct {
	base        model.Base
	name        string
	beat        time.Time
	versions    model.JSON
	concurrency int64
	current     []currentTask
}

// currentTask is a task that a worker runs; domain is the name of its domain.
type currentTask struct{ ID, Worker, Domain string }

// Workers are the processes that run tasks.
func Workers() resource.Of[workerRow] {
	fields := resource.BaseFields("d.", "core.appstatus", func(w *workerRow) *model.Base { return &w.base }, func(w *workerRow) string { return "workers/" + w.base.ID + "/" })
	fields = append(fields[:3:3], fields[4:]...) // processes belong to no domain
	fields = append(fields,
		resource.Text("name", func(w *workerRow) *string { return &w.name }).ReadOnly().Filters(resource.Lookups),
		resource.Time("last_heartbeat", func(w *workerRow) *time.Time { return &w.beat }).Column("d.last_heartbeat").ReadOnly().Filters(resource.Moments),
		resource.JSON("versions", func(w *workerRow) *model.JSON { return &w.versions }).ReadOnly(),
		resource.Int("concurrency", 0, func(w *workerRow) *int64 { return &w.concurrency }).ReadOnly().Doc("How many tasks it runs side by side."),
		resource.Computed("current_task", resource.URI().OrNull(), func(s *resource.Show, w *workerRow) {
			if len(w.current) == 0 {
				s.Raw("null")
				return
			}
			s.String(w.current[0].href(s))
		}),
		resource.Computed("current_tasks", resource.URIs(), func(s *resource.Show, w *workerRow) {
			list := []string{}
			for _, t := range w.current {
				list = append(list, t.href(s))
			}
			s.Strings(list)
		}).Doc("What it runs, as far as you may see it, in the order of dispatch."),
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

func (t currentTask) href(s *resource.Show) string { return s.Names.In(t.Domain).Href(taskPath(t.ID)) }

// aliveFilter tells processes with a heartbeat within their time to live from those without, by the clock that
// heartbeats are taken from.
func aliveFilter(name string, online bool) resource.Filter {
	return resource.Filter{Name: name, Schema: resource.Schema{"type": "boolean"}, Cond: func(f *resource.Filtering, value string) (resource.Cond, error) {
		want, given := resource.Boolean(value)
		switch {
		case !given:
			return resource.Cond{SQL: "1 = 1"}, nil
		case want == online:
			return resource.Cond{SQL: alive(f.Dialect)}, nil
		}
		return resource.Cond{SQL: "NOT (" + alive(f.Dialect) + ")"}, nil
	}}
}

// alive is the condition that a process has beaten within its time to live.
func alive(d db.Dialect) string {
	if d == db.SQLite {
		return "julianday(d.last_heartbeat) >= julianday('now') - d.ttl_seconds / 86400.0"
	}
	return "d.last_heartbeat >= CURRENT_TIMESTAMP - d.ttl_seconds * INTERVAL '1 second'"
}

// loadCurrent brings what the workers of a page run, as far as who looks may see it.
func loadCurrent(page *resource.Page, rows []*workerRow) error {
	byName, names := map[string]*workerRow{}, make([]string, 0, len(rows))
	for _, w := range rows {
		byName[w.name], names = w, append(names, w.name)
	}
	seen, err := page.Viewer.SeesAnywhere("core.task", "core.view_task", "t.id", "t.domain_id")
	if err != nil {
		return err
	}
	var running []currentTask
	err = page.Where("worker", names).Table("core_tasks t").Select("t.id, t.worker, o.name AS domain").Joins("JOIN core_domains o ON o.id = t.domain_id").
		Where("t.state IN ('running', 'canceling')").Where(seen.SQL, seen.Args...).Order("t.seq").Scan(&running).Error
	if err != nil {
		return err
	}
	for _, t := range running {
		byName[t.Worker].current = append(byName[t.Worker].current, t)
	}
	return nil
}
