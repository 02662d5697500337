package task

import (
	"math/bits"
	"strings"
	"time"
	_ "time/tzdata" // so that time zones are known on a bare host too

	"github.com/robfig/cron/v3"

	"github.com/packhouse/packhouse/core/errs"
)

// cronRule is five fields of cron, or a word such as @daily, in a time zone.
//
// A rule that holds in some hours only goes by the clock on the wall: a time that a change of the clock leaves out
// comes when the wall has gone past it, and a time that comes twice counts the first time. A rule that holds in every
// hour goes by the hours that pass: it fires in the hour that comes twice as well, and makes up for none left out.
type cronRule struct {
	spec      *cron.SpecSchedule
	zone      *time.Location
	everyHour bool
}

// readCron reads a rule; what is wrong with it is errs.Invalid, under the name of the member.
func readCron(text, zone string) (*cronRule, error) {
	location, err := readZone(zone)
	if err != nil {
		return nil, err
	}
	if strings.Contains(text, "TZ=") {
		return nil, errs.Field("cron", "Give the time zone as time_zone.")
	}
	spec, err := readSpec(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	spec.Location = time.UTC
	const allHours = 1<<24 - 1
	rule := &cronRule{spec: spec, zone: location, everyHour: bits.OnesCount64(spec.Hour&allHours) == 24}
	if spec.Next(time.Unix(0, 0).UTC()).IsZero() {
		return nil, errs.Field("cron", "There is no such day in any year.")
	}
	return rule, nil
}

func readZone(name string) (*time.Location, error) {
	location, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, errs.Field("time_zone", "%q is no time zone; give a name such as UTC or Europe/Berlin.", name)
	}
	return location, nil
}

// after gives the first moment after t; nil when there is none.
func (c *cronRule) after(t time.Time) *time.Time {
	if c.everyHour {
		return c.afterByHours(t.In(c.zone))
	}
	wall := c.spec.Next(reached(t.In(c.zone)))
	if wall.IsZero() {
		return nil
	}
	at := c.reaching(wall)
	return &at
}

// afterByHours looks at one stretch of time without a change of the clock after the other.
func (c *cronRule) afterByHours(t time.Time) *time.Time {
	from := onWall(t)
	for {
		_, end := t.ZoneBounds()
		next := c.spec.Next(from)
		if next.IsZero() {
			return nil
		}
		_, offset := t.Zone()
		at := next.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || at.Before(end) {
			return &at
		}
		t = end
		from = onWall(t).Add(-time.Nanosecond)
	}
}

// onWall is what the clock on the wall shows, written as a time of UTC.
func onWall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// reached is the latest that the clock on the wall has shown until t: where it was set back, that is more than it shows.
func reached(t time.Time) time.Time {
	wall := onWall(t)
	start, _ := t.ZoneBounds()
	if start.IsZero() {
		return wall
	}
	if last := onWall(start.Add(-time.Nanosecond)); last.After(wall) {
		return last
	}
	return wall
}

// reaching is the first moment at which the clock on the wall shows at least wall.
func (c *cronRule) reaching(wall time.Time) time.Time {
	const farthest = 26 * time.Hour // more than any zone is away from UTC
	t := wall.Add(-farthest).In(c.zone)
	for {
		start, end := t.ZoneBounds()
		_, offset := t.Zone()
		at := wall.Add(-time.Duration(offset) * time.Second)
		switch {
		case !start.IsZero() && at.Before(start):
			return start.UTC()
		case end.IsZero() || at.Before(end):
			return at
		}
		t = end
	}
}
