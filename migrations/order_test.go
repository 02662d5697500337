package migrations_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/migrations"
)

func emptyFile(t *testing.T) *db.DB {
	t.Helper()
	return open(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db"))
}

func TestWrongHistories(t *testing.T) {
	t.Parallel()
	d := emptyFile(t)
	on := func(h schema.History, n int, refs ...schema.Ref) schema.History {
		h.Migrations[n].DependsOn = refs
		return h
	}
	changed := func(change func(*schema.Migration)) schema.History {
		h := app("a", "")
		change(&h.Migrations[0])
		return h
	}
	for name, c := range map[string]struct {
		histories []schema.History
		says      string
	}{
		"circle": {[]schema.History{
			on(app("a", "", ""), 1, schema.Ref{App: "b", ID: "0001_step"}),
			on(app("b", ""), 0, schema.Ref{App: "c", ID: "0001_step"}),
			on(app("c", ""), 0, schema.Ref{App: "a", ID: "0002_step"}),
		}, "a 0002_step needs b 0001_step needs c 0001_step needs a 0002_step"},
		"itself":            {[]schema.History{on(app("a", ""), 0, schema.Ref{App: "a", ID: "0001_step"})}, "a 0001_step needs a 0001_step"},
		"missing step":      {[]schema.History{on(app("a", ""), 0, schema.Ref{App: "b", ID: "0009_none"}), app("b", "")}, "b 0009_none"},
		"missing app":       {[]schema.History{{App: "a", Needs: []string{"core"}}}, "needs the app core"},
		"two of one app":    {[]schema.History{app("a", ""), app("a", "")}, "two histories"},
		"no name":           {[]schema.History{app("", "")}, "no name"},
		"wrong order":       {[]schema.History{changed(func(m *schema.Migration) { m.ID = "" })}, "id above"},
		"unknown macro":     {[]schema.History{changed(func(m *schema.Migration) { m.SQL = "{{varchar}}" })}, "a 0001_step"},
		"unknown macro way": {[]schema.History{changed(func(m *schema.Migration) { m.Down = "{{if}}" })}, "way back of the migration a 0001_step"},
		"function outside": {[]schema.History{changed(func(m *schema.Migration) {
			m.NoTx, m.Go = true, func(context.Context, *db.Tx) error { return nil }
		})}, "outside a transaction"},
	} {
		_, err := migrations.New(d, c.histories, migrations.Options{})
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOrder checks of random histories that each step comes behind what it needs, and that the order of the list of
// apps does not matter.
func TestOrder(t *testing.T) {
	t.Parallel()
	d := emptyFile(t)
	rapid.Check(t, func(rt *rapid.T) {
		histories := randomHistories(rt)
		ids := func(hs []schema.History) (out []string) {
			r, err := migrations.New(d, hs, migrations.Options{})
			if err != nil {
				rt.Fatal(err)
			}
			plan, err := r.Plan(context.Background())
			if err != nil {
				rt.Fatal(err)
			}
			for _, s := range plan {
				out = append(out, s.App+" "+s.ID)
			}
			return out
		}
		order := ids(histories)
		if diff := cmp.Diff(order, ids(rapid.Permutation(histories).Draw(rt, "permuted"))); diff != "" {
			rt.Fatal(diff)
		}
		seen := map[string]int{}
		for i, id := range order {
			seen[id] = i
		}
		for _, h := range histories {
			for i, m := range h.Migrations {
				for _, ref := range m.DependsOn {
					if seen[ref.String()] > seen[h.App+" "+m.ID] {
						rt.Fatalf("%s runs before %s", h.App+" "+m.ID, ref)
					}
				}
				if i > 0 && seen[h.App+" "+h.Migrations[i-1].ID] > seen[h.App+" "+m.ID] {
					rt.Fatalf("%s %s runs before the one before it", h.App, m.ID)
				}
			}
		}
	})
}

// randomHistories has no circle: a step depends only on steps that were made before it.
func randomHistories(rt *rapid.T) []schema.History {
	histories := []schema.History{{App: "d"}, {App: "b"}, {App: "c"}, {App: "a"}}
	var made []schema.Ref
	for range rapid.IntRange(1, 20).Draw(rt, "steps") {
		h := &histories[rapid.IntRange(0, 3).Draw(rt, "app")]
		m := schema.Migration{ID: fmt.Sprintf("%04d_step", len(h.Migrations)+1), SQL: "SELECT 1;"}
		if len(made) > 0 {
			m.DependsOn = rapid.SliceOfN(rapid.SampledFrom(made), 0, 3).Draw(rt, "needs")
		}
		h.Migrations = append(h.Migrations, m)
		made = append(made, schema.Ref{App: h.App, ID: m.ID})
	}
	return histories
}
