package main

import (
	"slices"
	"testing"
)

func TestMedianAndQuantile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values            []float64
		median, ninetieth float64
	}{
		"none":  {nil, 0, 0},
		"one":   {[]float64{7}, 7, 7},
		"odd":   {[]float64{9, 1, 5}, 5, 9},
		"even":  {[]float64{4, 1, 3, 2}, 2.5, 4},
		"ten":   {[]float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 5.5, 9},
		"equal": {[]float64{3, 3, 3}, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := slices.Clone(c.values)
			if got := median(c.values); got != c.median {
				t.Errorf("the median is %v, want %v", got, c.median)
			}
			if got := quantile(c.values, 0.9); got != c.ninetieth {
				t.Errorf("the quantile is %v, want %v", got, c.ninetieth)
			}
			if !slices.Equal(before, c.values) {
				t.Error("the runs were put into another order, so they do not match the peer's any more")
			}
		})
	}
}

func TestAGoalIsReachedOrMissed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		figure figure
		want   bool
	}{
		"no goal":             {figure{Runs: []float64{1}}, true},
		"enough":              {figure{Runs: []float64{100}, Goal: atLeast(100)}, true},
		"too few":             {figure{Runs: []float64{99}, Goal: atLeast(100)}, false},
		"short enough":        {figure{Runs: []float64{1}, Goal: below(1)}, true},
		"too long":            {figure{Runs: []float64{2}, Goal: below(1)}, false},
		"near the peer":       {figure{Runs: []float64{8, 9}, Peer: []float64{10, 10}, Goal: ratioAtLeast(0.8)}, true},
		"far from the peer":   {figure{Runs: []float64{8, 9}, Peer: []float64{20, 20}, Goal: ratioAtLeast(0.8)}, false},
		"grows too much":      {figure{Runs: []float64{30}, Peer: []float64{10}, Goal: ratioBelow(2)}, false},
		"hardly grows":        {figure{Runs: []float64{15}, Peer: []float64{10}, Goal: ratioBelow(2)}, true},
		"pairs, not medians":  {figure{Runs: []float64{10, 100, 10}, Peer: []float64{10, 100, 20}, Goal: ratioAtLeast(1)}, true},
		"a goal without runs": {figure{Goal: atLeast(1)}, false},
	} {
		if got := c.figure.reached(); got != c.want {
			t.Errorf("%s: reached is %v, want %v", name, got, c.want)
		}
	}
}
