package task

import (
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// ArgsPurpose binds the sealed arguments of tasks and of schedules to their use.
const ArgsPurpose = "task.args"

// Schedule is one that an app declares. At least one of Every and Cron is given.
type Schedule struct {
	// Name is unique within the app; people see it after the label of the app and a slash.
	Name string
	Args Args
	// Every is the time between two firings.
	Every time.Duration
	// Cron is five fields, or a word such as @daily, in UTC.
	Cron string
}

// ForSchedule are arguments that are not complete as people write them, or that not every person's text is right for.
type ForSchedule interface {
	// Scheduled gives the arguments as the task of a schedule in that domain has them.
	Scheduled(domain string) (Args, error)
}

// ScheduledArgs reads the arguments of a schedule, in JSON, for a kind. What is wrong with them is errs.Invalid.
func ScheduledArgs(h Handler, domain string, raw []byte) (Args, error) {
	args, err := h.Args(raw)
	if err != nil {
		return nil, err
	}
	if incomplete, ok := args.(ForSchedule); ok {
		return incomplete.Scheduled(domain)
	}
	return args, nil
}

// Opener opens what was sealed; core/secret has one.
type Opener interface {
	Open(purpose string, sealed []byte) ([]byte, error)
}

// OpenArgs gives the arguments of the tasks of a schedule: errs.NotFound when nothing that is enabled has the kind,
// errs.Invalid when the kind does not understand them any more.
func (r ScheduleRow) OpenArgs(kinds map[string]Handler, box Opener) (Args, error) {
	handler, known := kinds[r.TaskName]
	if !known {
		return nil, errs.New(errs.NotFound, "no plugin that is enabled here has tasks of the kind %s; enable it, or delete the schedule", r.TaskName)
	}
	plain, err := box.Open(ArgsPurpose, r.Args)
	if err != nil {
		return nil, fmt.Errorf("open the arguments of the schedule %q: %w", r.Name, err)
	}
	return ScheduledArgs(handler, r.DomainID, plain)
}

// Check tells what is wrong with the times of a schedule, as errs.Invalid under the names of members.
func (r ScheduleRow) Check() error {
	switch {
	case r.Cron != "" && r.DispatchInterval != nil:
		return errs.Field("cron", "Give either cron or dispatch_interval.")
	case r.Cron != "":
		_, err := readCron(r.Cron, r.TimeZone)
		return err
	case r.DispatchInterval != nil && *r.DispatchInterval <= 0:
		return errs.Field("dispatch_interval", "The interval must be longer than nothing.")
	}
	_, err := readZone(r.TimeZone)
	return err
}

// After gives the first moment after t at which the schedule fires: by cron, by whole intervals from the next dispatch
// that is noted, or never again. An error tells that the times cannot be followed, such as an unknown time zone.
func (r ScheduleRow) After(t time.Time) (*time.Time, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	switch {
	case r.Cron != "":
		rule, err := readCron(r.Cron, r.TimeZone)
		if err != nil {
			return nil, err
		}
		return rule.after(t), nil
	case r.DispatchInterval == nil:
		return nil, nil
	}
	every := time.Duration(*r.DispatchInterval) * time.Microsecond
	at := t.Add(every)
	if r.NextDispatch != nil {
		at = *r.NextDispatch
	}
	if !at.After(t) {
		late := t.Sub(at)
		at = t.Add(every - late%every)
	}
	return &at, nil
}

// Passed is what a schedule that is due has come to.
type Passed struct {
	// Last is the latest moment that has come, Missed how many came before it and were not fired.
	Last   time.Time
	Missed int64
	// Next is the moment after now; nil when there is none.
	Next *time.Time
}

// mostMissed bounds the moments that are counted one by one: more than two months of every minute.
const mostMissed = 100_000

// Passed looks which moments have come from the next dispatch that is noted until now, which must not be before it.
func (r ScheduleRow) Passed(now time.Time) (Passed, error) {
	out := Passed{Last: *r.NextDispatch}
	if r.DispatchInterval != nil && *r.DispatchInterval > 0 {
		every := time.Duration(*r.DispatchInterval) * time.Microsecond
		out.Missed = int64(now.Sub(out.Last) / every)
		out.Last = out.Last.Add(time.Duration(out.Missed) * every)
	}
	for {
		next, err := r.After(out.Last)
		if err != nil {
			return Passed{}, err
		}
		if next == nil || next.After(now) {
			out.Next = next
			return out, nil
		}
		out.Last = *next
		if out.Missed++; out.Missed >= mostMissed {
			out.Next, err = r.After(now)
			return out, err
		}
	}
}
