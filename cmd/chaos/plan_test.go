package main

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestAPlanFollowsFromItsSeed(t *testing.T) {
	t.Parallel()
	modes := []string{servers, embedded}
	seen, calm := map[what]bool{}, 0
	for seed := range uint64(500) {
		p := planOf(seed, modes)
		if again := planOf(seed, modes); !reflect.DeepEqual(p, again) {
			t.Fatalf("two plans of one seed:\n%s\n%s", p, again)
		}
		for _, f := range p.Faults {
			seen[f.What] = true
			if !slices.Contains(faultsOf(p.Mode), f.What) || !strings.Contains(p.String(), string(f.What)) {
				t.Errorf("seed %d: a fault of another mode, or one that is not told: %s", seed, f.What)
			}
		}
		if p.calm() {
			calm++
		}
	}
	for _, w := range append(faultsOf(servers), faultsOf(embedded)...) {
		if !seen[w] {
			t.Errorf("%s never happens", w)
		}
	}
	if calm < 20 || calm > 150 {
		t.Errorf("%d of 500 rounds are calm", calm)
	}
}

func TestTheDriverIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	c, err := campaignOf([]string{"-rounds", "3", "-seed", "9", "-mode", "embedded"}, io.Discard)
	if err != nil || c.rounds != 3 || c.seed != 9 || !slices.Equal(c.modes, []string{embedded}) {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := campaignOf(nil, io.Discard); err != nil || c.seed == 0 || len(c.modes) != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range [][]string{{"-mode", "nosuch"}, {"-rounds", "x"}} {
		if _, err := campaignOf(bad, io.Discard); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
