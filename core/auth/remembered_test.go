package auth

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestRememberedIsBounded(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Unix(0, 0)}
	r := NewRemembered[int](time.Minute, c.now)
	id := func(n int) Digest { return r.Digest("hash", strconv.Itoa(n)) }
	for n := range maxRemembered + 10 {
		r.Add(id(n), n, c.now())
		r.Add(id(n), n, c.now())
	}
	if len(r.at) != maxRemembered || r.order.Len() != maxRemembered {
		t.Fatalf("%d and %d entries, want %d", len(r.at), r.order.Len(), maxRemembered)
	}
	for n, want := range map[int]bool{9: false, 10: true, maxRemembered + 9: true} {
		if value, ok := r.Get(id(n)); ok != want || ok && value != n {
			t.Errorf("%d: got %d, %v; want %v", n, value, ok, want)
		}
	}
	c.forward(time.Minute)
	r.Add(id(-1), -1, c.now())
	if len(r.at) != 1 || r.order.Len() != 1 {
		t.Errorf("%d entries are left after their time", len(r.at)-1)
	}
}

func TestRememberedEnds(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Unix(0, 0)}
	r := NewRemembered[string](time.Minute, c.now)
	id, start := r.Digest("ann", "right"), c.now()
	c.forward(20 * time.Second)
	r.Add(id, "ann", start)
	c.forward(40*time.Second - 1)
	if value, ok := r.Get(id); !ok || value != "ann" {
		t.Errorf("before the end: %q, %v", value, ok)
	}
	c.forward(1)
	if value, ok := r.Get(id); ok || value != "" || len(r.at) != 0 || r.order.Len() != 0 {
		t.Errorf("at the end, counted from the start of the check: %q, %v, %d entries", value, ok, len(r.at))
	}
	off := NewRemembered[string](0, c.now)
	off.Add(off.Digest("ann"), "ann", c.now().Add(time.Second)) // a clock that was set back
	if _, ok := off.Get(off.Digest("ann")); ok || len(off.at) != 0 {
		t.Error("remembered although it is turned off")
	}
}

func TestDigestKeepsPartsApart(t *testing.T) {
	t.Parallel()
	r := NewRemembered[int](time.Minute, time.Now)
	seen := map[Digest]string{}
	for _, parts := range [][]string{{"1", "ab", "c"}, {"1", "a", "bc"}, {"1", "", "abc"}, {"1", "abc", ""}, {"1", "abc"}, {"1abc"}, {"2", "ab", "c"}} {
		name := strings.Join(parts, "|")
		if other, twice := seen[r.Digest(parts...)]; twice {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[r.Digest(parts...)] = name
	}
	if NewRemembered[int](time.Minute, time.Now).Digest("1", "a", "b") == r.Digest("1", "a", "b") {
		t.Error("two processes make the same digest")
	}
}
