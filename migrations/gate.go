package migrations

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/packhouse/packhouse/core/db/schema"
)

// planned is a step that has not run, and why it must not run now.
type planned struct {
	*step
	held string
	// harmless means that the binary works without it.
	harmless bool
}

func (p planned) show() Step {
	s := p.step.show()
	s.Held = p.held
	return s
}

// keepHeld holds back what an earlier plan did.
func keepHeld(earlier, now []planned) []planned {
	held := map[*step]planned{}
	for _, p := range earlier {
		if p.held != "" {
			held[p.step] = p
		}
	}
	for i, p := range now {
		if before, ok := held[p.step]; ok && p.held == "" {
			now[i] = before
		}
	}
	return now
}

// plan decides for every step that has not run whether it may. When checked, the history must be in order.
func (r *Runner) plan(ctx context.Context, checked bool) ([]planned, error) {
	h, err := r.load(ctx, r.db.Read(ctx))
	if err != nil {
		return nil, err
	}
	if checked {
		if err := r.check(ctx, h, false); err != nil {
			return nil, err
		}
	}
	g := gate{r: r, h: h, left: map[*step]planned{}, widened: map[*step]*step{}}
	var out []planned
	for _, s := range r.steps {
		p, err := g.decide(ctx, s)
		if err != nil {
			return nil, err
		}
		if !h.applied(s.ref) {
			out = append(out, p)
		}
	}
	return out, nil
}

// gate holds back what old code, which may be online, could not stand.
type gate struct {
	r *Runner
	h history
	// left is what is held back, with the reason.
	left map[*step]planned
	// widened gives, for a step, one expand step of this run that it depends on or is.
	widened map[*step]*step
	online  []map[string]string
	asked   bool
}

func (g *gate) decide(ctx context.Context, s *step) (planned, error) {
	p := planned{step: s, harmless: s.PhaseOrExpand() == schema.Contract}
	applied := g.h.applied(s.ref)
	for _, n := range s.needs {
		if w := g.widened[n]; w != nil {
			g.widened[s] = w
		}
		if before, ok := g.left[n]; ok && !applied {
			p.held = "waits for " + n.ref.String()
			p.harmless = p.harmless && before.harmless
		}
	}
	if applied {
		return p, nil
	}
	if p.held == "" {
		var err error
		if p.held, err = g.hold(ctx, s); err != nil {
			return p, err
		}
	}
	switch {
	case p.held != "":
		g.left[s] = p
	case s.PhaseOrExpand() == schema.Expand:
		g.widened[s] = s
	}
	return p, nil
}

// hold gives the reason to hold a step back, empty for none. An app of which nothing has run yet has no old code.
func (g *gate) hold(ctx context.Context, s *step) (string, error) {
	if g.r.o.Offline || !g.h.knows(s.ref.App) {
		return "", nil
	}
	if w := g.widened[s]; w != nil && s.PhaseOrExpand() == schema.Contract {
		return fmt.Sprintf("removes what old processes may still use, since %s runs only now; replace all processes and run the migrations again, or run them offline", w.ref), nil
	}
	return g.tooOld(ctx, s)
}

// tooOld gives the reason when a process is online that the step must not meet.
func (g *gate) tooOld(ctx context.Context, s *step) (string, error) {
	if len(s.MinOnline) == 0 {
		return "", nil
	}
	if g.r.o.Online == nil {
		return "needs to know which processes are online; stop all of them and run the migrations offline", nil
	}
	if !g.asked {
		var err error
		if g.online, err = g.r.o.Online(ctx); err != nil {
			return "", fmt.Errorf("ask which processes are online: %w", err)
		}
		g.asked = true
	}
	for _, app := range slices.Sorted(maps.Keys(s.MinOnline)) {
		for _, process := range g.online {
			// A process without the app does not touch its tables.
			if version, ok := process[app]; ok && older(version, s.MinOnline[app]) {
				return fmt.Sprintf("must not meet %s %s, which is online, but only %s and later; replace that process first", app, version, s.MinOnline[app]), nil
			}
		}
	}
	return "", nil
}
