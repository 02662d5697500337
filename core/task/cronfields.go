package task

import (
	"slices"
	"strconv"
	"strings"

	"github.com/robfig/cron/v3"

	"github.com/packhouse/packhouse/core/errs"
)

// cronField is one of the five fields of a rule.
type cronField struct {
	name   string
	option cron.ParseOption
	// values says which there are.
	values string
}

// cronFields are the five, in the order in which they are written.
func cronFields() []cronField {
	return []cronField{
		{"minute", cron.Minute, "0 to 59"}, {"hour", cron.Hour, "0 to 23"}, {"day of the month", cron.Dom, "1 to 31"},
		{"month", cron.Month, "1 to 12, or jan to dec"}, {"weekday", cron.Dow, "0 to 7, where 0 and 7 are Sunday, or sun to sat"},
	}
}

// cronWords are what stands for five fields.
func cronWords() []string {
	return []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
}

// readSpec reads five fields or a word; what is wrong is errs.Invalid and names the field.
func readSpec(text string) (*cron.SpecSchedule, error) {
	const example = "30 4 * * 1-5 for half past four on working days"
	fields := strings.Fields(text)
	switch {
	case len(fields) > 0 && fields[0] == "@every":
		return nil, errs.Field("cron", "Give an interval as dispatch_interval.")
	case len(fields) == 1 && slices.Contains(cronWords(), fields[0]):
		return parseSpec(fields[0], cron.Descriptor)
	case strings.HasPrefix(text, "@"):
		return nil, errs.Field("cron", "There is no such word; choose among %s, or give five fields.", strings.Join(cronWords(), ", "))
	case len(fields) != len(cronFields()):
		return nil, errs.Field("cron", "Give five fields (minute, hour, day of the month, month, weekday), such as %s, or a word such as @daily; here are %d.", example, len(fields))
	}
	fields[4] = sundays(fields[4])
	all := cron.ParseOption(0)
	for i, f := range cronFields() {
		all |= f.option
		if _, err := parseSpec(fields[i], f.option); err != nil || strings.Trim(fields[i], ",") == "" {
			return nil, errs.Field("cron", "The %s is not understood: it goes from %s; write *, a number, a list such as 1,2, a span such as 1-4 or steps such as */2.", f.name, f.values)
		}
	}
	return parseSpec(strings.Join(fields, " "), all)
}

// parseSpec reads those fields that the options name.
func parseSpec(text string, options cron.ParseOption) (*cron.SpecSchedule, error) {
	parsed, err := cron.NewParser(options).Parse(text)
	if err != nil {
		return nil, errs.Field("cron", "This is no rule of cron.")
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, errs.Field("cron", "Give an interval as dispatch_interval.")
	}
	return spec, nil
}

// sundays writes weekdays so that Sunday is 0 alone: it may be 7 too, and then ends the week (5-7, fri-sun).
func sundays(field string) string {
	parts := strings.Split(field, ",")
	for i, part := range parts {
		span, rest, stepped := strings.Cut(part, "/")
		first, last, isSpan := strings.Cut(span, "-")
		from, to, step := weekday(first), weekday(last), 1
		if !isSpan {
			to = from
		}
		if stepped {
			step, _ = strconv.Atoi(rest)
		}
		if isSpan && to == 0 && from > 0 {
			to = 7
		}
		if to != 7 || from < 0 || step < 1 {
			continue // as it is written, also what is wrong with it
		}
		var days []string
		for day := from; day <= 7; day += min(step, 8) {
			days = append(days, strconv.Itoa(day%7))
		}
		parts[i] = strings.Join(days, ",")
	}
	return strings.Join(parts, ",")
}

// weekday is the number of a day, -1 for what is none.
func weekday(text string) int {
	if at := slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, strings.ToLower(text)); at >= 0 {
		return at
	}
	if n, err := strconv.ParseUint(text, 10, 8); err == nil && n <= 7 {
		return int(n)
	}
	return -1
}
