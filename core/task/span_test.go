package task

import (
	"testing"
	"time"
)

func TestMeasuredTimesAreNotRoundedUp(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second:                 "0 s",
		0:                            "0 s",
		20 * time.Millisecond:        "0.02 s",
		130 * time.Millisecond:       "0.1 s",
		1*time.Second - 1:            "1 s",
		2940 * time.Millisecond:      "2.9 s",
		9960 * time.Millisecond:      "10 s",
		59400 * time.Millisecond:     "59 s",
		59600 * time.Millisecond:     "1 min",
		79 * time.Second:             "1 min 19 s",
		time.Hour - time.Millisecond: "1 h",
		2*time.Hour + 5*time.Minute + 9*time.Second: "2 h 5 min",
		24*time.Hour - time.Second:                  "1 d",
		76 * time.Hour:                              "3 d 4 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

func TestEstimatesAreRoundedUp(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                            "0 s",
		130 * time.Millisecond:       "1 s",
		58500 * time.Millisecond:     "59 s",
		59500 * time.Millisecond:     "1 min",
		79 * time.Second:             "2 min",
		59*time.Minute + time.Second: "1.0 h",
		90 * time.Minute:             "1.5 h",
		3*24*time.Hour + 2*time.Hour: "3.1 d",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

// TestNothingIsLeftOfWhatHasEnded: of a report that has ended only the rate is told, and what a kind wrote itself.
func TestNothingIsLeftOfWhatHasEnded(t *testing.T) {
	t.Parallel()
	own := "about all that is left"
	estimate := pace(ProgressReport{State: Running, Done: 5, Total: new(int64(104))}, 10*time.Second)
	for _, c := range []struct {
		suffix *string
		state  State
		want   string
	}{
		{estimate, Running, "Files: 5 of 104, 0.5/s, about 4 min left"},
		{estimate, Canceled, "Files: 5 of 104, 0.5/s"},
		{estimate, Failed, "Files: 5 of 104, 0.5/s"},
		{&own, Completed, "Files: 5 of 104, " + own},
		{nil, Completed, "Files: 5 of 104"},
	} {
		r := &ProgressReport{Message: "Files", State: c.state, Done: 5, Total: new(int64(104)), Suffix: c.suffix}
		if got := r.Words(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	r := &ProgressReport{Message: "Files", State: Running, Done: 5, Suffix: estimate}
	if got := r.soFar(); got != "Files: 5, 0.5/s" || r.State != Running {
		t.Errorf("so far it is %q", got)
	}
}
