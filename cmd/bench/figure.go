package main

import (
	"fmt"
	"slices"
	"strconv"
)

// figure is what was found about one work in one mode.
type figure struct {
	Work string `json:"work"`
	Mode string `json:"mode"`
	What string `json:"what"`
	Unit string `json:"unit"`
	// Runs are the single measurements, Peer those of the peer, each beside the run that it alternated with.
	Runs     []float64 `json:"runs"`
	PeerWhat string    `json:"peer_what,omitempty"`
	Peer     []float64 `json:"peer,omitempty"`
	// Goal is what must be reached, of the value or of the ratio to the peer.
	Goal  *goal  `json:"goal,omitempty"`
	Notes string `json:"notes,omitempty"`
}

// goal is a bound; a lower one unless Below.
type goal struct {
	Bound   float64 `json:"bound"`
	Below   bool    `json:"below,omitempty"`
	OfRatio bool    `json:"of_ratio,omitempty"`
}

func atLeast(bound float64) *goal      { return &goal{Bound: bound} }
func below(bound float64) *goal        { return &goal{Bound: bound, Below: true} }
func ratioAtLeast(bound float64) *goal { return &goal{Bound: bound, OfRatio: true} }
func ratioBelow(bound float64) *goal   { return &goal{Bound: bound, Below: true, OfRatio: true} }

func (f figure) value() float64 { return median(f.Runs) }

// ratio is the median of ours to the peer's, pair by pair; 0 without a peer.
func (f figure) ratio() float64 {
	var ratios []float64
	for i, peer := range f.Peer {
		if i < len(f.Runs) && peer > 0 {
			ratios = append(ratios, f.Runs[i]/peer)
		}
	}
	return median(ratios)
}

// reached tells whether the goal is reached; a figure without one reaches it.
func (f figure) reached() bool {
	if f.Goal == nil {
		return true
	}
	got := f.value()
	if f.Goal.OfRatio {
		got = f.ratio()
	}
	if f.Goal.Below {
		return got <= f.Goal.Bound
	}
	return got >= f.Goal.Bound
}

// verdict is the goal and whether it was reached, in words.
func (f figure) verdict() string {
	if f.Goal == nil {
		return ""
	}
	sign, unit := "≥", f.Unit
	if f.Goal.Below {
		sign = "≤"
	}
	if f.Goal.OfRatio {
		unit = "of the peer"
	}
	word := "reached"
	if !f.reached() {
		word = "MISSED"
	}
	return fmt.Sprintf("%s %s %s: %s", sign, short(f.Goal.Bound), unit, word)
}

// line is the figure in one line.
func (f figure) line() string {
	text := fmt.Sprintf("%s: %s %s (%s–%s)", f.What, short(f.value()), f.Unit, short(slices.Min(f.Runs)), short(slices.Max(f.Runs)))
	if len(f.Peer) > 0 {
		text += fmt.Sprintf("; %s %s, ratio %s", f.PeerWhat, short(median(f.Peer)), short(f.ratio()))
	}
	if v := f.verdict(); v != "" {
		text += "; " + v
	}
	if f.Notes != "" {
		text += "; " + f.Notes
	}
	return text
}

// median is 0 for nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// quantile gives the value that a share q of the values does not exceed; 0 for nothing.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := int(q*float64(len(sorted)) + 0.999999)
	return sorted[min(max(at, 1), len(sorted))-1]
}

// short writes a number with three digits or so.
func short(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
