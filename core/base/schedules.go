package base

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// scheduleRow is a schedule as it is asked for and shown.
type scheduleRow struct {
	row task.ScheduleRow
	// every is the interval as text.
	every *string
	// args are what a body gives; the row has them sealed.
	args model.JSON
	// dated tells that a body names the next dispatch.
	dated bool
}

// Schedules say when tasks are dispatched again and again (rest-contract §2.3). Beyond the contract, superusers make
// and change them, and all can be paused.
func Schedules() resource.Of[scheduleRow] {
	return resource.Of[scheduleRow]{
		Path: "task-schedules", Model: scheduleModel, Component: "TaskSchedule", Doc: "When a task is dispatched again and again.",
		Source: resource.Source{Table: "core_task_schedules"}, Base: scheduleBase, Fields: scheduleFields(), Load: loadSchedules,
		Offers: []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete}, SyncUpdate: true, SyncDelete: true,
		Access: resource.Access{
			resource.List: auth.Permission("core.view_taskschedule"), resource.Read: auth.Permission("core.view_taskschedule"),
			resource.Create: auth.Superusers, resource.Update: auth.Superusers, resource.Delete: auth.Superusers,
		},
		Shareable: true, Unique: map[string]string{"core_task_schedules(name)": "name"}, Check: checkSchedule,
		Deleted: func(_ *resource.Work, s *scheduleRow) error {
			if s.row.Origin != "" {
				return errs.New(errs.Conflict, "The schedule is declared by %s and cannot be deleted; pause it with next_dispatch null.", s.row.Origin)
			}
			return nil
		},
	}
}

const scheduleModel = "core.taskschedule"

func scheduleBase(s *scheduleRow) *model.Base { return &s.row.Base }

func scheduleFields() []resource.Field[scheduleRow] {
	fields := resource.BaseFields("d.", scheduleModel, scheduleBase, func(s *scheduleRow) string { return "task-schedules/" + s.row.ID + "/" })
	return append(fields,
		resource.Text("name", func(s *scheduleRow) *string { return &s.row.Name }).Required().Filters(resource.Exactly, resource.Contains).Check(checkScheduleName).Doc("Unique over all domains."),
		resource.Text("task_name", func(s *scheduleRow) *string { return &s.row.TaskName }).Required().Filters(resource.Exactly, resource.Contains).Doc("The kind of the task."),
		resource.AnyJSON("task_args", resource.Schema{"type": "object"}, func(s *scheduleRow) *model.JSON { return &s.args }).WriteOnly().Unstored().Doc("The arguments of the task. They are never shown."),
		resource.NullText("dispatch_interval", func(s *scheduleRow) **string { return &s.every }).Unstored().Check(readEvery).Doc("The time between two tasks, as days and a time: 1 12:00:00. Null goes by cron or, without that, once."),
		resource.Hidden("d.dispatch_interval", func(s *scheduleRow) **int64 { return &s.row.DispatchInterval }),
		resource.BlankText("cron", func(s *scheduleRow) *string { return &s.row.Cron }).Default("").Doc("Minute, hour, day, month and weekday as cron reads them, or a word such as @daily; in place of an interval."),
		resource.Text("time_zone", func(s *scheduleRow) *string { return &s.row.TimeZone }).Default("UTC").Doc("The time zone of cron."),
		resource.NullTime("next_dispatch", func(s *scheduleRow) **time.Time { return &s.row.NextDispatch }).Check(func(s *scheduleRow) error { s.dated = true; return nil }).
			Doc("When the next task is dispatched; null pauses the schedule."),
		resource.NullReference("last_task", func(s *scheduleRow) **string { return &s.row.LastTaskID }, func(_ *resource.Show, s *scheduleRow) string {
			if s.row.LastTaskID == nil {
				return ""
			}
			return taskPath(*s.row.LastTaskID)
		}).ReadOnly(),
		resource.Int("missed", 0, func(s *scheduleRow) *int64 { return &s.row.Missed }).ReadOnly().Doc("How many firings passed while no worker was there, or while the last task was not finished."),
		resource.BlankText("origin", func(s *scheduleRow) *string { return &s.row.Origin }).ReadOnly().Doc("The app that declares the schedule; empty for one that was made here."),
		resource.Hidden("d.args", func(s *scheduleRow) *[]byte { return &s.row.Args }),
	)
}

// loadSchedules brings the text of intervals, and leaves out last tasks that were deleted.
func loadSchedules(page *resource.Page, rows []*scheduleRow) error {
	var wanted, there []string
	for _, s := range rows {
		s.every = nil
		if every := s.row.DispatchInterval; every != nil {
			s.every = new(writeInterval(time.Duration(*every) * time.Microsecond))
		}
		if s.row.LastTaskID != nil {
			wanted = append(wanted, *s.row.LastTaskID)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	if err := page.Where("id", wanted).Table("core_tasks").Pluck("id", &there).Error; err != nil {
		return err
	}
	for _, s := range rows {
		if s.row.LastTaskID != nil && !slices.Contains(there, *s.row.LastTaskID) {
			s.row.LastTaskID = nil
		}
	}
	return nil
}

func checkScheduleName(s *scheduleRow) error {
	switch {
	case strings.Contains(s.row.Name, "/") && s.row.Origin == "":
		return errs.New(errs.Invalid, "A name has no slash; names with one are those of schedules that apps declare.")
	case strings.ContainsFunc(s.row.Name, unicode.IsControl):
		return errs.New(errs.Invalid, "A name has no control characters, such as line breaks.")
	case utf8.RuneCountInString(s.row.Name) > 255:
		return errs.New(errs.Invalid, "Ensure this field has no more than 255 characters.")
	}
	return nil
}

// shortestInterval is what cron can do too.
const shortestInterval = time.Minute

// readEvery reads the text of the interval.
func readEvery(s *scheduleRow) error {
	s.row.DispatchInterval = nil
	if s.every == nil {
		return nil
	}
	every, err := readInterval(*s.every)
	if err != nil {
		return err
	}
	if every < shortestInterval {
		return errs.New(errs.Invalid, "An interval is a minute at least.")
	}
	s.row.DispatchInterval = new(every.Microseconds())
	return nil
}

// checkSchedule looks at the whole, seals the arguments and finds the next dispatch where the body does not name it.
func checkSchedule(in *resource.Input, s, old *scheduleRow) error {
	if old != nil && old.row.Origin != "" {
		if s.redeclares(old) {
			return errs.Together("The schedule is declared by %s; only next_dispatch can be changed.", old.row.Origin)
		}
		return s.date(old)
	}
	if err := s.row.Check(); err != nil {
		return err
	}
	if err := s.seal(in, old); err != nil {
		return err
	}
	return s.date(old)
}

func (s *scheduleRow) redeclares(old *scheduleRow) bool {
	return s.args != nil || s.row.Name != old.row.Name || s.row.TaskName != old.row.TaskName || s.retimed(old)
}

// retimed tells whether the schedule goes by other times than before.
func (s *scheduleRow) retimed(old *scheduleRow) bool {
	a, b := s.row.DispatchInterval, old.row.DispatchInterval
	return s.row.Cron != old.row.Cron || s.row.TimeZone != old.row.TimeZone || (a == nil) != (b == nil) || a != nil && *a != *b
}

// seal checks the arguments and puts them into the row. What stays as it is needs no look: the kind may belong to a plugin
// that is disabled, and such a schedule can be paused too.
func (s *scheduleRow) seal(in *resource.Input, old *scheduleRow) error {
	if old != nil && s.args == nil && s.row.TaskName == old.row.TaskName {
		return nil
	}
	handler, known := in.Kinds[s.row.TaskName]
	if !known || !handler.Traits().Schedulable {
		return errs.Field("task_name", "There is no such kind of task, or none that can be scheduled; choose among %s.", strings.Join(schedulable(in.Kinds), ", "))
	}
	switch {
	case s.args == nil && old == nil:
		s.args = model.JSON("{}")
	case s.args == nil:
		return errs.Field("task_args", "Another kind of task takes other arguments; give them too.")
	}
	if _, err := task.ScheduledArgs(handler, s.row.DomainID, s.args); err != nil {
		return errs.Field("task_args", "%s", err)
	}
	sealed, err := in.Box.Seal(task.ArgsPurpose, s.args)
	if err != nil {
		return err
	}
	s.row.Args = sealed
	return nil
}

func schedulable(kinds map[string]task.Handler) []string {
	var names []string
	for name, h := range kinds {
		if h.Traits().Schedulable {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// date finds the next dispatch. One that is named and past is at once.
func (s *scheduleRow) date(old *scheduleRow) (err error) {
	now := model.Now()
	switch {
	case s.dated && s.row.NextDispatch != nil && s.row.NextDispatch.Before(now):
		s.row.NextDispatch = &now
		return nil
	case s.dated, old != nil && (old.row.NextDispatch == nil || !s.retimed(old)):
		return nil
	}
	s.row.NextDispatch = nil
	if s.row.NextDispatch, err = s.row.After(now); err == nil && s.row.NextDispatch == nil {
		return errs.Field("next_dispatch", "This field is required where there is neither cron nor dispatch_interval.")
	}
	return err
}
