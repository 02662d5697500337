package config

import "testing"

// TestAnAgeOrNone: no age is another thing than none at all.
func TestAnAgeOrNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": -1, "null": -1, "0": 0, "300": 300} {
		var environ []string
		if text != "" {
			environ = []string{"PACKHOUSE_CONTENT_MAX_AGE=" + text}
		}
		got, age := -1, mustLoad(t, Options{Environ: environ}).Settings.ContentMaxAge
		if age != nil {
			got = *age
		}
		if got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
	_, err := Load(Options{Environ: []string{"PACKHOUSE_CONTENT_MAX_AGE=soon"}})
	wantFaults(t, err, "expected a whole number")
}
