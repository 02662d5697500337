package remote

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "119": 119 * time.Second, "121": 2 * time.Minute,
		"99999999999999999999": 2 * time.Minute, "-5": 0, "1.5": 0, "soon": 0,
		now.Add(9 * time.Second).Format(http.TimeFormat):              9 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):                   0,
		now.Add(time.Hour).Format(http.TimeFormat):                    2 * time.Minute,
		now.Add(time.Minute).Format("Monday, 02-Jan-06 15:04:05 MST"): time.Minute,
		"Sun, 99 Nov 2026 08:49:37 GMT":                               0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "7", "Fri, 02 Jan 2026 03:04:14 GMT", "9999999999999", "-1", "Mon, 01 Jan 0001 00:00:00 GMT"} {
		f.Add(seed)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if got := retryAfter(value, now); got < 0 || got > retryAfterCap {
			t.Errorf("%q: %s", value, got)
		}
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for tries, most := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
		16 * time.Second, 30 * time.Second, 30 * time.Second} {
		seen := map[time.Duration]bool{}
		for range 50 {
			d := backoff(tries)
			if d < most/2 || d > most {
				t.Fatalf("after %d tries: %s, want %s to %s", tries+1, d, most/2, most)
			}
			seen[d] = true
		}
		if len(seen) < 2 {
			t.Errorf("after %d tries all wait equally long", tries+1)
		}
	}
	if d := backoff(1 << 20); d > backoffCap {
		t.Errorf("after many tries: %s", d)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://user:secret@host:8443/a%20b?token=secret#secret": "https://host:8443/a%20b?...",
		"https://secret@host/":                 "https://host/",
		"file:///srv/a":                        "file:///srv/a",
		"http://host/\x00secret":               "(an unreadable URL)",
		"mailto:secret@host":                   "(an unreadable URL)",
		"http://host:secret/":                  "(an unreadable URL)",
		"http://h/" + strings.Repeat("a", 600): "http://h/" + strings.Repeat("a", 491) + "...",
	} {
		if got := Clean(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

// Neither user, password, query nor fragment of a URL is shown, and what is checked as good has no credentials.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"https://u:p@h/x?q#f", "file:///a/../b", "//h", "http://[::1]:80/", "http:opaque@x", "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		shown := Clean(raw)
		if at := strings.IndexByte(shown, '#'); at >= 0 {
			t.Errorf("%q is shown as %q", raw, shown)
		}
		if shown != "(an unreadable URL)" && strings.Contains(shown, "?") && !strings.HasSuffix(shown, "?...") {
			t.Errorf("%q is shown as %q", raw, shown)
		}
		if CheckURL(raw, nil) == nil {
			to, err := parse(raw)
			if err != nil || !isWeb(to.Scheme) || to.User != nil {
				t.Errorf("%q is good for a remote but not for a download: %v", raw, err)
			}
		}
	})
}
