package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
)

// measureFind measures the list of the first 100 of the file contents below one folder, a hundredth of all, found by
// the index on their path.
func measureFind(ctx context.Context, b *bench, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	l, err := s.load(ctx, b.most)
	if err != nil {
		return err
	}
	if err := l.settled(ctx); err != nil {
		return err
	}
	f := figure{Work: "find", Mode: mode, What: fmt.Sprintf("list of 100 of %d file contents by relative_path__startswith, %d match: p99", b.most, b.most/100), Unit: "ms"}
	if mode == postgres {
		f.Goal = below(10)
	}
	round := func(_ context.Context, w *wire, _ int) error {
		path := fmt.Sprintf("%scontent/file/files/?limit=100&relative_path__startswith=d%d/", api, rand.IntN(100))
		return expect(w, getRequest(s.apiAt, path), 200)
	}
	if err := rightList(ctx, s, b.most/100); err != nil {
		return err
	}
	var half []float64
	for range b.runs() {
		o, err := load{address: s.apiAt, clients: 1, count: b.enough(500), round: round}.run(ctx)
		if err != nil {
			return err
		}
		f.Runs, half = append(f.Runs, quantile(o.took, 0.99)), append(half, median(o.took))
	}
	f.Notes = fmt.Sprintf("one client; p50 %s ms", short(median(half)))
	b.report(f)
	return nil
}

// rightList makes sure that the list that is measured holds what it should.
func rightList(ctx context.Context, s *system, want int) error {
	var text json.RawMessage
	if err := s.client().get(ctx, api+"content/file/files/?limit=100&relative_path__startswith=d7/", &text); err != nil {
		return err
	}
	var page struct {
		Count   int               `json:"count"`
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(text, &page); err != nil {
		return err
	}
	if page.Count != want || len(page.Results) != min(want, 100) {
		return errors.New("the list has not what was loaded: " + string(text[:min(len(text), 300)]))
	}
	return nil
}
