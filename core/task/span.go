package task

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Span is a measured time in words, such as "0.1 s", "1 min 19 s" or "2 h 5 min"; a negative one is none.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d); {
	case d < 100*time.Millisecond:
		return seconds(d.Round(10 * time.Millisecond))
	case d < 10*time.Second:
		return seconds(d.Round(100 * time.Millisecond))
	case d.Round(time.Second) < time.Minute:
		return seconds(d.Round(time.Second))
	case d.Round(time.Second) < time.Hour:
		return parts(d.Round(time.Second), time.Minute, " min", time.Second, " s")
	case d.Round(time.Minute) < day:
		return parts(d.Round(time.Minute), time.Hour, " h", time.Minute, " min")
	}
	return parts(d.Round(time.Hour), day, " d", time.Hour, " h")
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s" }

// parts is a time in a large unit and the rest in a small one; a rest of none is left out.
func parts(d, large time.Duration, ofLarge string, small time.Duration, ofSmall string) string {
	text := strconv.FormatInt(int64(d/large), 10) + ofLarge
	if rest := d % large / small; rest > 0 {
		text += " " + strconv.FormatInt(int64(rest), 10) + ofSmall
	}
	return text
}

// roughly is an estimated time in words, rounded up, such as "8 s", "3 min" or "1.5 h".
func roughly(d time.Duration) string {
	for _, unit := range []struct {
		most float64
		of   time.Duration
		name string
	}{{60, time.Second, " s"}, {60, time.Minute, " min"}} {
		if n := math.Ceil(float64(d) / float64(unit.of)); n < unit.most {
			return strconv.FormatFloat(n, 'f', -1, 64) + unit.name
		}
	}
	if d < 48*time.Hour {
		return tenths(d.Hours()) + " h"
	}
	return tenths(d.Hours()/24) + " d"
}

func tenths(n float64) string { return strconv.FormatFloat(math.Ceil(n*10)/10, 'f', 1, 64) }

// What pace writes between the rate and the time that is left, and behind it.
const (
	beforeLeft = "/s, about "
	behindLeft = " left"
)

// withoutLeft leaves out of what pace wrote how long it will take; other words it leaves as they are.
func withoutLeft(suffix string) string {
	rate, left, found := strings.Cut(suffix, beforeLeft)
	if !found || !strings.HasSuffix(left, behindLeft) {
		return suffix
	}
	return rate + "/s"
}
