package migrations_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/migrations"
)

func TestContractWaitsForItsExpand(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		apply(t, runner(t, d, migrations.Options{}, app("a", ""), app("b", "")))
		b := app("b", "", schema.Contract)
		b.Migrations[1].DependsOn = []schema.Ref{{App: "a", ID: "0002_step"}}
		r := runner(t, d, migrations.Options{}, app("a", "", "", schema.Data, schema.Contract), b, app("c", "", schema.Contract))
		plan, err := r.Plan(t.Context())
		must(t, err)
		held := map[string]bool{}
		for _, s := range plan {
			held[s.App+" "+s.ID] = s.Held != ""
		}
		want := map[string]bool{"a 0002_step": false, "a 0003_step": false, "a 0004_step": true, "b 0002_step": true, "c 0001_step": false, "c 0002_step": false}
		if diff := cmp.Diff(want, held); diff != "" {
			t.Error(diff)
		}
		// The app c is new here, so nobody can be using what its contract step removes.
		if diff := cmp.Diff([]string{"a 0002_step", "a 0003_step", "c 0001_step", "c 0002_step"}, apply(t, r)); diff != "" {
			t.Error("first run:", diff)
		}
		if n := pending(t, r); n != 0 {
			t.Errorf("the binary works without contract steps, but %d are pending", n)
		}
		if diff := cmp.Diff([]string{"a 0004_step", "b 0002_step"}, apply(t, r)); diff != "" {
			t.Error("second run:", diff)
		}
	})
}

func TestContractAndExpandOffline(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		apply(t, runner(t, d, migrations.Options{}, app("a", "")))
		r := runner(t, d, migrations.Options{Offline: true}, app("a", "", "", schema.Contract))
		if ran := apply(t, r); len(ran) != 2 {
			t.Errorf("ran %v", ran)
		}
	})
}

// TestExpandBehindHeldContract is a failure, since the binary cannot work without that expand step.
func TestExpandBehindHeldContract(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		apply(t, runner(t, d, migrations.Options{}, app("a", "")))
		r := runner(t, d, migrations.Options{}, app("a", "", "", schema.Contract, ""))
		ran, err := try(t.Context(), r)
		if len(ran) != 1 || !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "a 0004_step waits for a 0003_step") {
			t.Errorf("ran %v, %v", ran, err)
		}
		if n := pending(t, r); n != 1 {
			t.Errorf("%d pending", n)
		}
		if ran := apply(t, r); len(ran) != 2 {
			t.Errorf("second run: %v", ran)
		}
	})
}

func TestMinOnline(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		apply(t, runner(t, d, migrations.Options{}, app("a", "")))
		h := app("a", "", schema.Contract)
		h.Migrations[1].MinOnline = map[string]string{"a": "1.10.0"}
		var online []map[string]string
		o := migrations.Options{Online: func(context.Context) ([]map[string]string, error) { return online, nil }}
		for _, old := range [][]map[string]string{
			{{"a": "1.10.0"}, {"a": "1.9.3", "b": "7"}},
			{{"a": "1.10.0rc1"}},
		} {
			online = old
			if ran := apply(t, runner(t, d, o, h)); len(ran) > 0 {
				t.Errorf("ran %v beside %v", ran, old)
			}
		}
		if ran := apply(t, runner(t, d, migrations.Options{}, h)); len(ran) > 0 {
			t.Errorf("ran %v without knowing who is online", ran)
		}
		broken := errors.New("broken")
		asking := migrations.Options{Online: func(context.Context) ([]map[string]string, error) { return nil, broken }}
		if _, err := try(t.Context(), runner(t, d, asking, h)); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		online = []map[string]string{{"a": "1.10.0"}, {"a": "v2.0"}, {"b": "0.1"}}
		if ran := apply(t, runner(t, d, o, h)); len(ran) != 1 {
			t.Errorf("ran %v", ran)
		}
	})
}

func TestMinOnlineOfAnExpandStepIsAnError(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		apply(t, runner(t, d, migrations.Options{}, app("a", "")))
		h := app("a", "", "", "")
		h.Migrations[1].MinOnline = map[string]string{"a": "2"}
		o := migrations.Options{Online: func(context.Context) ([]map[string]string, error) { return []map[string]string{{"a": "1"}}, nil }}
		ran, err := try(t.Context(), runner(t, d, o, h, app("b", "")))
		if len(ran) != 1 || !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "a 0002_step must not meet a 1") {
			t.Errorf("ran %v, %v", ran, err)
		}
		o.Offline = true
		if ran := apply(t, runner(t, d, o, h)); len(ran) != 2 {
			t.Errorf("offline: %v", ran)
		}
	})
}

// TestWaitingIsNotALaterRun lets a second runner wait while the first does the expand step: the processes that were
// online before are still there, so it must not go on with the contract step.
func TestWaitingIsNotALaterRun(t *testing.T) {
	t.Parallel()
	onPostgres(t, func(t *testing.T, d *db.DB) {
		apply(t, runner(t, d, migrations.Options{}, app("a", "")))
		h := app("a", "", "", schema.Contract)
		inside, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 2)
		h.Migrations[1].Go = func(context.Context, *db.Tx) error { close(inside); <-leave; return nil }
		go func() { done <- runner(t, d, migrations.Options{}, h).Apply(t.Context(), nil) }()
		<-inside
		log := make(signals, 100)
		go func() { done <- runner(t, d, migrations.Options{Log: slog.New(log)}, h).Apply(t.Context(), nil) }()
		for message := range log {
			if strings.Contains(message, "waiting for another runner") {
				break
			}
		}
		close(leave)
		must(t, <-done)
		must(t, <-done)
		if !exists(t, d, "a_2") || exists(t, d, "a_3") {
			t.Error("the expand step must have run and the contract step must not")
		}
		if ran := apply(t, runner(t, d, migrations.Options{}, h)); len(ran) != 1 {
			t.Errorf("a later run ran %v", ran)
		}
	})
}
