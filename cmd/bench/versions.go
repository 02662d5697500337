package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// measureVersions measures small changes of repositories from a thousand units up: each must cost what changes, not
// what is there. Every size has a system of its own; all run at the same time and are measured in turns.
func measureVersions(ctx context.Context, b *bench, mode string) error {
	rounds := 4 * b.runs()
	var curve []*changer
	for n := 1000; n <= b.most; n *= 10 {
		w, s, err := b.changer(ctx, mode, n, rounds)
		if err != nil {
			return err
		}
		defer s.stopAndSay()
		curve = append(curve, w)
	}
	for i := range rounds {
		for _, w := range curve {
			if err := w.round(ctx, i); err != nil {
				return fmt.Errorf("with %d units: %w", w.units, err)
			}
		}
	}
	for _, w := range curve {
		if err := w.intact(ctx); err != nil {
			return err
		}
	}
	b.reportCurve(mode, curve)
	return nil
}

func (b *bench) reportCurve(mode string, curve []*changer) {
	smallest, largest := curve[0], curve[len(curve)-1]
	for _, what := range operations() {
		f := figure{Work: "versions", Mode: mode, Unit: "ms", Goal: ratioBelow(2), PeerWhat: fmt.Sprintf("with %d units", smallest.units),
			What: fmt.Sprintf("repository of %d units: %s", largest.units, what), Runs: largest.took[what], Peer: smallest.took[what]}
		var notes []string
		for _, w := range curve {
			notes = append(notes, fmt.Sprintf("%d: %s", w.units, short(median(w.took[what]))))
		}
		f.Notes = strings.Join(notes, ", ")
		b.report(f)
	}
}

// The operations. What is timed is the request, and the task from its start to its end; waiting for a worker, the same
// at every size, is left out because it would hide a growth.
const (
	addOne        = "add one"
	removeOne     = "remove one"
	diff          = "what a version added and removed, with counts"
	deleteVersion = "delete a version"
	rollBack      = "roll back"
)

func operations() []string { return []string{addOne, removeOne, diff, deleteVersion, rollBack} }

// changer does the operations on one repository.
type changer struct {
	client     *client
	repository string
	units      int
	took       map[string][]float64 // by operation, in ms
}

// changer starts a system with a repository of n units and some more units to add to it.
func (b *bench) changer(ctx context.Context, mode string, n, more int) (*changer, *system, error) {
	s, err := b.start(ctx, mode)
	if err != nil {
		return nil, nil, err
	}
	w := &changer{client: s.client(), units: n, took: map[string][]float64{}}
	if err := w.fill(ctx, s, more); err != nil {
		s.stopAndSay()
		return nil, nil, err
	}
	return w, s, nil
}

func (w *changer) fill(ctx context.Context, s *system, more int) error {
	l, err := s.load(ctx, w.units+more)
	if err != nil {
		return err
	}
	if w.repository, err = w.client.repository(ctx, "changing", nil); err != nil {
		return err
	}
	parts := strings.Split(strings.TrimSuffix(w.repository, "/"), "/")
	if err := l.members(ctx, parts[len(parts)-1], w.units); err != nil {
		return err
	}
	return l.settled(ctx)
}

// round does each operation once and leaves the repository with the units that it found.
func (w *changer) round(ctx context.Context, i int) error {
	before, err := w.latest(ctx)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error {
			return w.modify(ctx, addOne, map[string]any{"add_content_units": []string{unitHref(w.units + i + 1)}})
		},
		func() error {
			return w.modify(ctx, removeOne, map[string]any{"remove_content_units": []string{unitHref(i*7%w.units + 1)}})
		},
		func() error { return w.diff(ctx) },
		func() error { return w.deleteOlder(ctx) },
		func() error { return w.modify(ctx, rollBack, map[string]any{"base_version": before}) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// timed adds what a request, and the task that it leads to, took.
func (w *changer) timed(ctx context.Context, what, method, path string, body any) error {
	begin := time.Now()
	href, err := w.client.send(ctx, method, path, body)
	took := time.Since(begin)
	if err != nil {
		return err
	}
	t, err := w.client.wait(ctx, href, 5*time.Millisecond)
	w.took[what] = append(w.took[what], milliseconds(took+t.Finished.Sub(t.Started)))
	return err
}

func (w *changer) modify(ctx context.Context, what string, body map[string]any) error {
	return w.timed(ctx, what, http.MethodPost, w.repository+"modify/", body)
}

func (w *changer) latest(ctx context.Context) (string, error) {
	var r struct {
		Latest string `json:"latest_version_href"`
	}
	err := w.client.get(ctx, w.repository, &r)
	return r.Latest, err
}

// diff asks for the newest version's counts and for what it added and removed: one unit was removed.
func (w *changer) diff(ctx context.Context) error {
	version, err := w.latest(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	var counts json.RawMessage
	if err := w.client.get(ctx, version, &counts); err != nil {
		return err
	}
	for parameter, want := range map[string]int{"repository_version_added": 0, "repository_version_removed": 1} {
		var page struct {
			Count int `json:"count"`
		}
		if err := w.client.get(ctx, api+"content/file/files/?limit=100&"+parameter+"="+version, &page); err != nil {
			return err
		}
		if page.Count != want {
			return fmt.Errorf("%s of %s gives %d units, not %d", parameter, version, page.Count, want)
		}
	}
	w.took[diff] = append(w.took[diff], milliseconds(time.Since(begin)))
	return nil
}

// deleteOlder deletes the newest version but one, which added a unit.
func (w *changer) deleteOlder(ctx context.Context) error {
	var page struct {
		Results []struct {
			Href string `json:"pulp_href"`
		} `json:"results"`
	}
	if err := w.client.get(ctx, w.repository+"versions/?limit=2&ordering=-number", &page); err != nil {
		return err
	}
	if len(page.Results) != 2 {
		return fmt.Errorf("%s has %d versions where two were asked for", w.repository, len(page.Results))
	}
	return w.timed(ctx, deleteVersion, http.MethodDelete, page.Results[1].Href, nil)
}

// intact makes sure that the repository has as many units in the end as at first.
func (w *changer) intact(ctx context.Context) error {
	version, err := w.latest(ctx)
	if err != nil {
		return err
	}
	var v struct {
		Summary struct {
			Present map[string]struct {
				Count int `json:"count"`
			} `json:"present"`
		} `json:"content_summary"`
	}
	if err := w.client.get(ctx, version, &v); err != nil {
		return err
	}
	if got := v.Summary.Present["file.file"].Count; got != w.units {
		return fmt.Errorf("the repository has %d units in the end, not %d", got, w.units)
	}
	return nil
}
