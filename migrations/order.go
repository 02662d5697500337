package migrations

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
)

// step is a migration with its place among the others.
type step struct {
	schema.Migration
	ref      schema.Ref
	up, down []string
	needs    []*step
}

func (s *step) show() Step {
	return Step{App: s.ref.App, ID: s.ref.ID, Phase: s.PhaseOrExpand(), SQL: text(s.up), Go: s.Go != nil, NoTx: s.NoTx}
}

func text(statements []string) string {
	if len(statements) == 0 {
		return ""
	}
	return strings.Join(statements, ";\n") + ";\n"
}

// ordered puts all histories into one order: each step behind what it needs, and otherwise by app and id, so that
// every installation runs the same.
func ordered(histories []schema.History, d db.Dialect) ([]*step, map[schema.Ref]*step, error) {
	index := map[schema.Ref]*step{}
	byApp := map[string][]*step{}
	for _, h := range histories {
		if _, twice := byApp[h.App]; twice || h.App == "" {
			return nil, nil, errs.New(errs.Invalid, "there are two histories of the app %q, or it has no name; list each app once", h.App)
		}
		own, err := read(h, d)
		if err != nil {
			return nil, nil, err
		}
		byApp[h.App] = own
		for _, s := range own {
			index[s.ref] = s
		}
	}
	for _, h := range histories {
		if err := link(h, byApp, index); err != nil {
			return nil, nil, err
		}
	}
	steps, err := sorted(index)
	return steps, index, err
}

// read checks a history by itself.
func read(h schema.History, d db.Dialect) ([]*step, error) {
	var own []*step
	last := ""
	for _, m := range h.Migrations {
		s := &step{Migration: m, ref: schema.Ref{App: h.App, ID: m.ID}}
		if m.ID <= last {
			return nil, errs.New(errs.Invalid, "the migration %s does not come after %q; give every migration an id above the one before", s.ref, last)
		}
		last = m.ID
		if m.NoTx && (m.Go != nil || m.Rebuild) {
			return nil, errs.New(errs.Invalid, "the migration %s runs outside a transaction, so it can have neither a function nor a rebuild; split it", s.ref)
		}
		var err error
		if s.up, err = schema.Render(m.SQL, d); err != nil {
			return nil, fmt.Errorf("the migration %s: %w", s.ref, err)
		}
		if s.down, err = schema.Render(m.Down, d); err != nil {
			return nil, fmt.Errorf("the way back of the migration %s: %w", s.ref, err)
		}
		own = append(own, s)
	}
	return own, nil
}

// link fills in what each step of a history needs.
func link(h schema.History, byApp map[string][]*step, index map[schema.Ref]*step) error {
	own := byApp[h.App]
	for _, app := range h.Needs {
		other, ok := byApp[app]
		if !ok {
			return errs.New(errs.Invalid, "the app %s needs the app %s, which is not built in; add it to the list of apps", h.App, app)
		}
		if len(own) > 0 && len(other) > 0 {
			own[0].needs = append(own[0].needs, other[0])
		}
	}
	for i, s := range own {
		if i > 0 {
			s.needs = append(s.needs, own[i-1])
		}
		for _, ref := range s.DependsOn {
			other, ok := index[ref]
			if !ok {
				return errs.New(errs.Invalid, "the migration %s depends on %s, which is not there; build in that app or correct the name", s.ref, ref)
			}
			s.needs = append(s.needs, other)
		}
	}
	return nil
}

// sorted takes, again and again, the first step by app and id whose needs are taken.
func sorted(index map[schema.Ref]*step) ([]*step, error) {
	rest := make([]*step, 0, len(index))
	for _, s := range index {
		rest = append(rest, s)
	}
	slices.SortFunc(rest, func(a, b *step) int {
		return cmp.Or(cmp.Compare(a.ref.App, b.ref.App), cmp.Compare(a.ref.ID, b.ref.ID))
	})
	taken := map[*step]bool{}
	out := make([]*step, 0, len(rest))
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(s *step) bool {
			return !slices.ContainsFunc(s.needs, func(n *step) bool { return !taken[n] })
		})
		if next < 0 {
			return nil, errs.New(errs.Invalid, "the migrations depend on each other in a circle: %s; break it by removing one dependency", circle(rest[0], taken))
		}
		taken[rest[next]] = true
		out = append(out, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	return out, nil
}

// circle walks along unmet needs until it meets itself. Every step that is left has one.
func circle(from *step, taken map[*step]bool) string {
	var walk []*step
	for s := from; ; {
		if at := slices.Index(walk, s); at >= 0 {
			walk = append(walk[at:], s)
			break
		}
		walk = append(walk, s)
		s = s.needs[slices.IndexFunc(s.needs, func(n *step) bool { return !taken[n] })]
	}
	names := make([]string, len(walk))
	for i, s := range walk {
		names[i] = s.ref.String()
	}
	return strings.Join(names, " needs ")
}
