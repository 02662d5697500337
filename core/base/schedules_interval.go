package base

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// The wire form of an interval is days and a time of day: "D HH:MM:SS[.ffffff]", the days left out when there are none
// (rest-contract §2.3). Requests may leave out hours and minutes too: "90" is a minute and a half.
var intervalPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:(\d{1,6}) )?(?:(?:(\d{1,6}):)?(\d{1,6}):)?(\d{1,9})(?:\.(\d{1,6}))?$`)
})

func readInterval(text string) (time.Duration, error) {
	part := intervalPattern().FindStringSubmatch(strings.TrimSpace(text))
	if part == nil {
		return 0, errs.New(errs.Invalid, "This is no interval; write days and a time, such as 1 12:00:00 or 00:15:00.")
	}
	var total time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.ParseInt("0"+part[i+1], 10, 64) // at most nine digits
		total += time.Duration(n) * unit
		if total < 0 || n > int64(longestInterval/unit) || total > longestInterval {
			return 0, errs.New(errs.Invalid, "An interval is a hundred years at most.")
		}
	}
	micro, _ := strconv.ParseInt((part[5] + "000000")[:6], 10, 64) // six digits
	return total + time.Duration(micro)*time.Microsecond, nil
}

// longestInterval is far beyond use and far from overflow.
const longestInterval = 100 * 366 * 24 * time.Hour

func writeInterval(d time.Duration) string {
	var out strings.Builder
	const day = 24 * time.Hour
	if d >= day {
		fmt.Fprintf(&out, "%d ", d/day)
		d %= day
	}
	fmt.Fprintf(&out, "%02d:%02d:%02d", d/time.Hour, d/time.Minute%60, d/time.Second%60)
	if micro := d / time.Microsecond % 1_000_000; micro > 0 {
		fmt.Fprintf(&out, ".%06d", micro)
	}
	return out.String()
}
