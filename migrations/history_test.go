package migrations_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/migrations"
)

func TestHistoryThatDoesNotFit(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		apply(t, runner(t, d, migrations.Options{AppVersions: map[string]string{"a": "9.9"}}, app("a", "", ""), app("gone", "")))
		edited := app("a", "", "")
		edited.Migrations[0].SQL += "\n-- a remark"
		gap := app("a", "", "", "")
		gap.Migrations[1].ID = "0001_t"
		gap.Migrations[2].ID = "0002_step"
		gap.Migrations[2].SQL = app("a", "", "").Migrations[1].SQL
		between := app("a", "", "")
		between.Migrations[0].ID = "0001_other"
		for name, c := range map[string]struct {
			history schema.History
			says    string
			lenient bool
		}{
			"edited":           {edited, "a 0001_step has been edited", false},
			"newer database":   {app("a", ""), `a 0002_step (by version "9.9"), which this binary does not know`, true},
			"put between":      {gap, "a 0001_t has not run, but a 0002_step", false},
			"lost in between":  {between, "a 0001_step", false},
			"nothing is wrong": {app("a", "", ""), "", true},
		} {
			r := runner(t, d, migrations.Options{}, c.history, app("gone", ""))
			_, planned := r.Plan(t.Context())
			_, applied := try(t.Context(), r)
			for verb, err := range map[string]error{"plan": planned, "apply": applied, "down": r.Down(t.Context(), "a", "0002_step")} {
				if c.says == "" && err != nil || c.says != "" && (!errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("%s: %s: %v", name, verb, err)
				}
			}
			if _, err := r.Pending(t.Context()); (err == nil) != c.lenient {
				t.Errorf("%s: pending: %v", name, err)
			}
		}
	})
}

func TestForeignAppIsAWarning(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		apply(t, runner(t, d, migrations.Options{}, app("a", ""), app("gone", "")))
		var log bytes.Buffer
		r := runner(t, d, migrations.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, app("a", "", ""))
		if ran := apply(t, r); len(ran) != 1 {
			t.Errorf("ran %v", ran)
		}
		if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "app=gone") {
			t.Errorf("log: %s", log.String())
		}
	})
}

func TestDirtyStepStopsEverything(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		r := runner(t, d, migrations.Options{}, app("a", "", ""))
		apply(t, runner(t, d, migrations.Options{}, app("a", "")))
		run(t, d, "UPDATE schema_migrations SET dirty = true")
		_, err := try(t.Context(), r)
		for _, err := range []error{err, r.Down(t.Context(), "a", "")} {
			if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "a 0001_step was interrupted") {
				t.Errorf("got %v", err)
			}
		}
		if n := pending(t, r); n != 2 {
			t.Errorf("%d pending", n)
		}
		if err := r.Resolve(t.Context(), "a", "0002_step", true); !errs.Is(err, errs.NotFound) {
			t.Errorf("resolve of a step without a mark: %v", err)
		}
		must(t, r.Resolve(t.Context(), "a", "0001_step", true))
		if ran := apply(t, r); len(ran) != 1 {
			t.Errorf("ran %v", ran)
		}
	})
}
