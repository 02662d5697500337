package migrations_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/migrations"
)

func TestThereAndBack(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		r := runner(t, d, migrations.Options{}, app("a", "", "", schema.Contract), app("b", ""))
		apply(t, runner(t, d, migrations.Options{}, app("a", ""), app("b", "")))
		first := objects(t, d)
		apply(t, runner(t, d, migrations.Options{Offline: true}, app("a", "", "", schema.Contract), app("b", "")))
		all := objects(t, d)
		must(t, r.Down(t.Context(), "a", "0001_step"))
		if diff := cmp.Diff(first, objects(t, d)); diff != "" {
			t.Error("after the way back:", diff)
		}
		if exists(t, d, "a_2") || !exists(t, d, "a_1") || !exists(t, d, "b_1") || pending(t, r) != 1 {
			t.Error("wrong tables are gone")
		}
		must(t, r.Down(t.Context(), "a", "0001_step"))
		if ran := apply(t, runner(t, d, migrations.Options{Offline: true}, app("a", "", "", schema.Contract), app("b", ""))); len(ran) != 2 {
			t.Errorf("forth again ran %v", ran)
		}
		if diff := cmp.Diff(all, objects(t, d)); diff != "" {
			t.Error("after the second way forth:", diff)
		}
		must(t, r.Down(t.Context(), "a", ""))
		must(t, r.Down(t.Context(), "b", ""))
		if left := objects(t, d); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		// Undone steps may be edited: nobody has them.
		edited := app("a", "")
		edited.Migrations[0].SQL = "CREATE TABLE other (id {{uuid}});"
		apply(t, runner(t, d, migrations.Options{}, edited))
	})
}

func TestNoWayBack(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		a, b := app("a", "", "", ""), app("b", "")
		a.Migrations[1].Down = ""
		a.Migrations[2].Down = "-- nothing to undo"
		b.Migrations[0].DependsOn = []schema.Ref{{App: "a", ID: "0003_step"}}
		r := runner(t, d, migrations.Options{}, a, b)
		apply(t, r)
		for _, c := range []struct {
			app, to string
			kind    errs.Kind
		}{
			{"a", "0002_step", errs.Conflict}, // b depends on it
			{"a", "0002_other", errs.NotFound},
			{"c", "", errs.NotFound},
		} {
			if err := r.Down(t.Context(), c.app, c.to); !errs.Is(err, c.kind) {
				t.Errorf("%s to %q: %v", c.app, c.to, err)
			}
		}
		must(t, r.Down(t.Context(), "b", ""))
		if err := r.Down(t.Context(), "a", ""); !errs.Is(err, errs.Conflict) {
			t.Errorf("through a step without a way back: %v", err)
		}
		if !exists(t, d, "a_3") || pending(t, r) != 1 {
			t.Error("it began although it could not end")
		}
		must(t, r.Down(t.Context(), "a", "0002_step"))
		if pending(t, r) != 2 {
			t.Error("a step with nothing to undo counts as undone")
		}
	})
}
