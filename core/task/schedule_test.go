package task_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// field is the values of one field of cron: *, */n, a, a-b and lists of these.
func field(text string, low, high int) map[int]bool {
	out := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		span, step := part, 1
		if before, after, found := strings.Cut(part, "/"); found {
			span = before
			step, _ = strconv.Atoi(after)
		}
		from, to := low, high
		if span != "*" {
			first, last, isSpan := strings.Cut(span, "-")
			from, _ = strconv.Atoi(first)
			if to = from; isSpan {
				to, _ = strconv.Atoi(last)
			}
		}
		for n := from; n <= to; n += step {
			out[n] = true
		}
	}
	return out
}

// naive is a rule of cron that is asked about one minute after the other.
type naive struct {
	minute, hour, day, month, weekday map[int]bool
	anyDay                            bool
	zone                              *time.Location
}

func newNaive(cron string, zone *time.Location) naive {
	f := strings.Fields(cron)
	weekday := field(f[4], 0, 6)
	weekday[0] = weekday[0] || weekday[7]
	return naive{field(f[0], 0, 59), field(f[1], 0, 23), field(f[2], 1, 31), field(f[3], 1, 12), weekday, f[2] == "*" || f[4] == "*", zone}
}

func (n naive) holds(wall time.Time) bool {
	day, weekday := n.day[wall.Day()], n.weekday[int(wall.Weekday())]
	days := day || weekday
	if n.anyDay {
		days = day && weekday
	}
	return n.minute[wall.Minute()] && n.hour[wall.Hour()] && n.month[int(wall.Month())] && days
}

func wallOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
}

// firings are the moments from one to another, both whole minutes: those at which the clock on the wall shows, or jumps
// over, a minute that holds and that it has not shown before; of rules for every hour those at which it shows one.
func (n naive) firings(from, to time.Time) (out []time.Time) {
	const before = 50 * time.Hour // a change of the clock is never more than a day
	shown := wallOf(from.Add(-before - time.Minute).In(n.zone))
	for t := from.Add(-before); !t.After(to); t = t.Add(time.Minute) {
		wall := wallOf(t.In(n.zone))
		fires := len(n.hour) == 24 && n.holds(wall)
		for ; shown.Before(wall); shown = shown.Add(time.Minute) {
			fires = fires || len(n.hour) < 24 && n.holds(shown.Add(time.Minute))
		}
		if fires && !t.Before(from) {
			out = append(out, t)
		}
	}
	return out
}

func TestCronAgainstAskingEveryMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		cron := strings.Join([]string{
			pick("minute", "*", "*/15", "0", "30", "5,35", "58-59"), pick("hour", "*", "0-23", "2", "1-3", "*/2", "0", "23", "3,9"),
			pick("day", "*", "*", "1", "*/2", "25-31"), pick("month", "*", "*", "3,10", "4,9-12"), pick("weekday", "*", "*", "0", "1-5", "7", "5-7", "1-7/3"),
		}, " ")
		name := pick("zone", "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "Africa/Casablanca", "America/Santiago")
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Unix(rapid.Int64Range(1_262_304_000, 1_830_000_000).Draw(t, "start")/60*60, 0).In(zone)
		if _, change := start.ZoneBounds(); !change.IsZero() && change.Year() < 2037 && rapid.Bool().Draw(t, "at a change") {
			start = change.Add(-time.Duration(rapid.IntRange(-120, 300).Draw(t, "minutes before")) * time.Minute)
		}
		from, to := start.UTC(), start.UTC().Add(40*time.Hour)
		row := task.ScheduleRow{Cron: cron, TimeZone: name}
		var got []time.Time
		for at := from.Add(-time.Duration(rapid.IntRange(1, 59).Draw(t, "seconds before")) * time.Second); ; {
			next, err := row.After(at)
			if err != nil {
				t.Fatalf("%q: %v", cron, err)
			}
			if next == nil || next.After(to) {
				break
			}
			if !next.After(at) {
				t.Fatalf("%q in %s: after %s comes %s", cron, name, at, next)
			}
			at = *next
			got = append(got, at)
		}
		want := newNaive(cron, zone).firings(from, to)
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			first := 0
			for first < min(len(got), len(want)) && got[first].Equal(want[first]) {
				first++
			}
			t.Fatalf("%q in %s from %s: the firings from number %d on are %v, want %v", cron, name, from.In(zone), first, inZone(got[first:], zone), inZone(want[first:], zone))
		}
	})
}

func inZone(all []time.Time, zone *time.Location) (out []string) {
	for _, t := range all[:min(3, len(all))] {
		out = append(out, t.In(zone).Format("02 15:04 MST"))
	}
	return out
}

func TestWhenTheClockChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ cron, from, want string }{
		"left out":           {"30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z 2026-03-30T00:30:00Z"},
		"twice":              {"30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z"},
		"every hour":         {"30 * * * *", "2026-10-24T23:45:00Z", "2026-10-25T00:30:00Z 2026-10-25T01:30:00Z"},
		"hour left out":      {"30 * * * *", "2026-03-29T00:15:00Z", "2026-03-29T00:30:00Z 2026-03-29T01:30:00Z"},
		"word":               {"@daily", "2026-07-01T12:00:00Z", "2026-07-01T22:00:00Z 2026-07-02T22:00:00Z"},
		"exactly, not again": {"0 14 * * *", "2026-07-01T12:00:00Z", "2026-07-02T12:00:00Z 2026-07-03T12:00:00Z"},
	} {
		row := task.ScheduleRow{Cron: c.cron, TimeZone: "Europe/Berlin"}
		at, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range 2 {
			next, err := row.After(at)
			if err != nil || next == nil {
				t.Fatalf("%s: %v, %v", name, next, err)
			}
			at = *next
			got = append(got, at.UTC().Format(time.RFC3339))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestPassedMoments(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		noted := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
		now := noted.Add(time.Duration(rapid.Int64Range(0, int64(5*time.Hour)).Draw(t, "later")))
		row := task.ScheduleRow{TimeZone: "UTC", NextDispatch: &noted}
		if rapid.Bool().Draw(t, "cron") {
			row.Cron = "*/7 * * * *"
		} else {
			every := rapid.Int64Range(1_000_000, 3_600_000_000).Draw(t, "every")
			row.DispatchInterval = &every
		}
		want := task.Passed{Last: noted, Missed: -1}
		for at := &noted; ; {
			if at == nil || at.After(now) {
				want.Next = at
				break
			}
			want.Last, want.Missed = *at, want.Missed+1
			next, err := row.After(*at)
			if err != nil {
				t.Fatal(err)
			}
			at = next
		}
		got, err := row.Passed(now)
		if err != nil || !got.Last.Equal(want.Last) || got.Missed != want.Missed || !got.Next.Equal(*want.Next) {
			t.Fatalf("%+v, want %+v (%v)", got, want, err)
		}
	})
	once := task.ScheduleRow{TimeZone: "UTC", NextDispatch: new(time.Unix(5, 0))}
	if got, err := once.Passed(time.Unix(9, 0)); err != nil || got.Missed != 0 || got.Next != nil {
		t.Errorf("once: %+v, %v", got, err)
	}
	down := task.ScheduleRow{TimeZone: "UTC", Cron: "* * * * *", NextDispatch: new(time.Unix(0, 0))}
	if got, err := down.Passed(time.Unix(1_800_000_000, 0)); err != nil || got.Missed != 100_000 || got.Next.Unix() != 1_800_000_060 {
		t.Errorf("down for years: %+v, %v", got, err)
	}
}

func TestTimesThatCannotBe(t *testing.T) {
	t.Parallel()
	minute, none := int64(60_000_000), int64(0)
	for name, c := range map[string]struct {
		row    task.ScheduleRow
		member string
	}{
		"both":          {task.ScheduleRow{Cron: "@daily", DispatchInterval: &minute, TimeZone: "UTC"}, "cron"},
		"four fields":   {task.ScheduleRow{Cron: "1 2 3 4", TimeZone: "UTC"}, "cron"},
		"seconds":       {task.ScheduleRow{Cron: "0 1 2 3 4 5", TimeZone: "UTC"}, "cron"},
		"no such day":   {task.ScheduleRow{Cron: "0 0 30 2 *", TimeZone: "UTC"}, "cron"},
		"zone in cron":  {task.ScheduleRow{Cron: "TZ=UTC 0 0 * * *", TimeZone: "UTC"}, "cron"},
		"bare zone":     {task.ScheduleRow{Cron: "TZ=", TimeZone: "UTC"}, "cron"},
		"every":         {task.ScheduleRow{Cron: "@every 1h", TimeZone: "UTC"}, "cron"},
		"no zone":       {task.ScheduleRow{Cron: "@daily"}, "time_zone"},
		"host's zone":   {task.ScheduleRow{Cron: "@daily", TimeZone: "Local"}, "time_zone"},
		"a path":        {task.ScheduleRow{TimeZone: "../etc/passwd"}, "time_zone"},
		"no time apart": {task.ScheduleRow{DispatchInterval: &none, TimeZone: "UTC"}, "dispatch_interval"},
	} {
		_, err := c.row.After(time.Unix(0, 0))
		if !errs.Is(err, errs.Invalid) || !strings.Contains(fmt.Sprint(err), c.member+":") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is wrong is told in the words of cron, not in those of the program.
func TestWhatIsWrongWithCron(t *testing.T) {
	t.Parallel()
	for cron, want := range map[string]string{
		"61 4 * * *": "The minute is not understood: it goes from 0 to 59;", "0 24 * * *": "The hour ", "0 0 0 * *": "The day of the month ", "0 0 * 13 *": "The month ", "0 0 * * 8": "0 and 7 are Sunday",
		"0 x * * *": "The hour ", "0 0 * * 5-8": "The weekday ", "0 , * * *": "The hour ", "0 0 * * 7/0": "The weekday ", "1 2 3": "here are 3", "@dayly": "choose among @hourly",
	} {
		_, err := task.ScheduleRow{Cron: cron, TimeZone: "UTC"}.After(time.Unix(0, 0))
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "strconv") {
			t.Errorf("%q: %v", cron, err)
		}
	}
}

// Sunday has two numbers, and ends the week where a span ends with it.
func TestSundays(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{"7": "0", "0-7": "0-6", "5-7": "0,5,6", "fri-sun": "0,5,6", "1-7/3": "1,4,0", "7,3": "0,3", "7/2": "0", "2-7/99999999999": "2", "Sat-SUN": "0,6"} {
		for _, day := range []int{1, 2, 3, 4, 5, 6, 7} {
			from := time.Date(2026, 3, day, 12, 0, 0, 0, time.UTC)
			got, err := task.ScheduleRow{Cron: "30 4 * * " + written, TimeZone: "UTC"}.After(from)
			same, otherErr := task.ScheduleRow{Cron: "30 4 * * " + want, TimeZone: "UTC"}.After(from)
			if err != nil || otherErr != nil || !got.Equal(*same) {
				t.Errorf("%s after %s: %v, %v; %s: %v, %v", written, from, got, err, want, same, otherErr)
			}
		}
	}
}

func FuzzCron(f *testing.F) {
	for _, seed := range []string{"0 0 * * *", "@daily", "TZ=", "CRON_TZ=x 1", "*/0 * * * *", "1-60 ? * jan sun", "@every 1s", "\x00", "99999999999999999999 * * * *", "5/1-2 * * * *"} {
		f.Add(seed, "Europe/Berlin")
	}
	f.Fuzz(func(t *testing.T, cron, zone string) {
		from := time.Date(2026, 3, 29, 0, 59, 30, 0, time.UTC)
		next, err := task.ScheduleRow{Cron: cron, TimeZone: zone}.After(from)
		if err == nil && next != nil && !next.After(from) {
			t.Errorf("%q in %q: after %s comes %s", cron, zone, from, next)
		}
	})
}

// completed are arguments that the domain is filled into.
type completed struct {
	Domain string `json:"domain"`
}

func (completed) Kind() string      { return "test.completed" }
func (completed) Locks() task.Locks { return task.Locks{} }

func (c completed) Scheduled(domain string) (task.Args, error) {
	if c.Domain != "" {
		return nil, errs.Field("domain", "leave it out")
	}
	return completed{Domain: domain}, nil
}

func TestScheduledArguments(t *testing.T) {
	t.Parallel()
	h := task.Handle(func(context.Context, *task.Run, completed) (any, error) { return nil, nil })
	if got, err := task.ScheduledArgs(h, "d", []byte(`{}`)); err != nil || got != (completed{Domain: "d"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for bad, want := range map[string]string{`{"other":1}`: `takes no "other"`, `{"domain":3}`: "give domain as text", `[]`: "as one JSON object", `{`: "as one JSON object"} {
		if _, err := task.ScheduledArgs(h, "d", []byte(bad)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "json:") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{`{"domain":"x"}`, `{"other":1}`, `{} {}`, `[]`, ``} {
		if _, err := task.ScheduledArgs(h, "d", []byte(bad)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
