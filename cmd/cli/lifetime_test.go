package cli

import (
	"testing"
	"time"
)

func TestLifetimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30d": 720 * time.Hour, "12h": 12 * time.Hour, "1d12h": 36 * time.Hour, "0d1s": time.Second, "106751d": 106751 * 24 * time.Hour,
		"": 0, "0": 0, "0d": 0, "30": 0, "d": 0, "-1d": 0, "-1h": 0, "1d-1h": 0, "1.5d": 0, "106752d": 0, "106751d24h": 0, "4294967296d": 0, "1d1d": 0, "soon": 0, "30 d": 0,
	} {
		var got lifetime
		if err := got.Set(text); (err == nil) != (want > 0) || time.Duration(got) != want {
			t.Errorf("%q is %s, %v", text, time.Duration(got), err)
		}
	}
}

func FuzzLifetime(f *testing.F) {
	for _, seed := range []string{"30d", "1d12h", "106751d23h47m16s", "9223372036s", "d", "1e9h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got, again lifetime
		if got.Set(text) == nil && (got <= 0 || again.Set(got.String()) != nil || again != got) {
			t.Errorf("%q is %d, and again %d", text, got, again)
		}
	})
}
