package base

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestIntervalsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(longestInterval/time.Microsecond)).Draw(t, "microseconds")) * time.Microsecond
		if got, err := readInterval(writeInterval(d)); err != nil || got != d {
			t.Fatalf("%s is written as %q and read as %s (%v)", d, writeInterval(d), got, err)
		}
	})
	for text, want := range map[string]time.Duration{
		"1 00:00:00": 24 * time.Hour, "00:15:00": 15 * time.Minute, "90": 90 * time.Second, "1:30": 90 * time.Second, "00:00:00.5": time.Second / 2,
		" 2 01:02:03.000004 ": 49*time.Hour + 2*time.Minute + 3*time.Second + 4*time.Microsecond, "100:00:00": 100 * time.Hour,
	} {
		if got, err := readInterval(text); err != nil || got != want {
			t.Errorf("%q is %s (%v), want %s", text, got, err, want)
		}
	}
	if got := writeInterval(25 * time.Hour); got != "1 01:00:00" {
		t.Errorf("25 hours are %q", got)
	}
	for _, text := range []string{"", "x", "-1", "1 day", "1:2:3:4", "00:00:00.1234567", "999999 00:00:00", "999999:00:00", "36600 00:00:01"} {
		if got, err := readInterval(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func FuzzReadInterval(f *testing.F) {
	for _, seed := range []string{"1 12:00:00", "00:00:00.000001", "999999999", "1 ", "٣"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := readInterval(text)
		if err != nil {
			return
		}
		if again, err := readInterval(writeInterval(d)); err != nil || again != d || d < 0 || d > longestInterval+time.Second {
			t.Errorf("%q is %s, and then %s (%v)", text, d, again, err)
		}
	})
}
