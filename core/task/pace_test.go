package task

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	t.Parallel()
	total := func(n int64) *int64 { return &n }
	for want, c := range map[string]struct {
		row  ProgressReport
		took time.Duration
	}{
		"":                            {ProgressReport{State: Running, Done: 500}, 10 * time.Millisecond},
		"12,346/s":                    {ProgressReport{State: Running, Done: 24_691}, 2 * time.Second},
		"1,000/s, about 8 s left":     {ProgressReport{State: Running, Done: 2000, Total: total(10_000)}, 2 * time.Second},
		"0.5/s, about 4 min left":     {ProgressReport{State: Running, Done: 5, Total: total(104)}, 10 * time.Second},
		"50/s, about 5.6 h left":      {ProgressReport{State: Running, Done: 100, Total: total(1_000_000)}, 2 * time.Second},
		"5,000/s":                     {ProgressReport{State: Completed, Done: 10_000, Total: total(10_000)}, 2 * time.Second},
		"1,000,000/s, about 1 s left": {ProgressReport{State: Running, Done: 1_000_000, Total: total(1_000_001)}, time.Second},
	} {
		got := ""
		if p := pace(c.row, c.took); p != nil {
			got = *p
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
