package task

import (
	"math"
	"strconv"
	"time"
)

// rateOf is how many a second were done between two moments; ok is false where that tells nothing yet.
func rateOf(done int64, took time.Duration) (rate float64, ok bool) {
	if done < 2 || took < time.Second {
		return 0, false
	}
	return float64(done) / took.Seconds(), true
}

// rateBetween is rateOf for the moments of a row, rounded to a thousandth; nil where it tells nothing.
func rateBetween(done int64, began, changed *time.Time) *float64 {
	if began == nil || changed == nil {
		return nil
	}
	rate, ok := rateOf(done, changed.Sub(*began))
	if !ok {
		return nil
	}
	rate = math.Round(rate*1000) / 1000
	return &rate
}

// endAfter is when all of total will be done if it goes on like that, counted from the last change; nil where nobody
// knows, or all is done. A moment that has passed says that nothing has been done for longer than it should take.
func endAfter(done int64, total *int64, began, changed *time.Time) *time.Time {
	if total == nil || *total <= done || began == nil || changed == nil {
		return nil
	}
	rate, ok := rateOf(done, changed.Sub(*began))
	if !ok {
		return nil
	}
	left := float64(*total-done) / rate
	if left > maxAhead.Seconds() {
		return nil
	}
	at := changed.Add(time.Duration(left * float64(time.Second))).Truncate(time.Second)
	return &at
}

// maxAhead is how far ahead an end is still estimated.
const maxAhead = 10 * 365 * 24 * time.Hour

// pace is the rate of a report and, while it runs and its end is known, the time left; nil where there is nothing to
// tell yet, or no more.
func pace(row ProgressReport, took time.Duration) *string {
	rate, ok := rateOf(row.Done, took)
	if !ok {
		return nil
	}
	text := grouped(int64(math.Round(rate)))
	if rate < 10 {
		text = strconv.FormatFloat(rate, 'f', 1, 64)
	}
	if row.State == Running && row.Total != nil && *row.Total > row.Done {
		left := min(float64(*row.Total-row.Done)/rate, maxAhead.Seconds())
		text += beforeLeft + roughly(time.Duration(left*float64(time.Second))) + behindLeft
	} else {
		text += "/s"
	}
	return &text
}

// grouped is a number with a comma after each thousand.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
