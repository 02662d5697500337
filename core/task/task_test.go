package task_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

func TestNormalLocksAndTheirRecord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		resources := rapid.SliceOf(rapid.SampledFrom([]string{"", "a", "b", "prn:core.x:1", "pdrn:2:orphans"}))
		ex, sh := resources.Draw(t, "exclusive"), resources.Draw(t, "shared")
		l := task.Exclusive(ex...).AndShared(sh...).Normal()
		seen := map[string]bool{}
		for _, r := range slices.Concat(l.Exclusive, l.Shared) {
			if r == "" || seen[r] {
				t.Fatalf("%q is empty or twice in %v", r, l)
			}
			seen[r] = true
		}
		for _, r := range ex {
			if r != "" && !slices.Contains(l.Exclusive, r) {
				t.Fatalf("%q is not exclusive in %v", r, l)
			}
		}
		for _, r := range sh {
			if r != "" && !seen[r] {
				t.Fatalf("%q is missing in %v", r, l)
			}
		}
		if back := task.LocksOf(l.Record()); fmt.Sprint(back) != fmt.Sprint(l) {
			t.Fatalf("%v comes back as %v", l, back)
		}
	})
}

func TestBuildersDoNotShareMemory(t *testing.T) {
	t.Parallel()
	base := task.Shared("a").AndExclusive("b")
	one, two := base.AndExclusive("c"), base.AndExclusive("d")
	if fmt.Sprint(one.Exclusive, two.Exclusive, base.Exclusive) != "[b c] [b d] [b]" {
		t.Errorf("%v %v %v", one, two, base)
	}
}

func TestFailureOf(t *testing.T) {
	t.Parallel()
	coded := errs.Coded(errs.Unavailable, "PLP0027", "No connection.")
	for name, c := range map[string]struct {
		err    error
		redact bool
		want   task.Failure
	}{
		"coded":             {coded, true, task.Failure{Description: "[PLP0027] No connection.", Code: "PLP0027"}},
		"wrapped":           {fmt.Errorf("sync: %w", coded), true, task.Failure{Description: "[PLP0027] No connection.", Code: "PLP0027"}},
		"coded cause":       {errs.New(errs.Invalid, "sync it again: %w", coded), true, task.Failure{Description: "[PLP0027] sync it again: No connection.", Code: "PLP0027"}},
		"uncoded":           {errs.New(errs.Invalid, "mend it"), true, task.Failure{Description: "mend it"}},
		"field":             {errs.Field("name", "is taken"), true, task.Failure{Description: "name: [is taken]"}},
		"foreign, shown":    {errors.New("inner"), false, task.Failure{Description: "inner"}},
		"foreign, redacted": {errors.New("inner"), true, task.FailureOf(errs.New(errs.Internal, "x"), true)},
	} {
		if got := task.FailureOf(c.err, c.redact); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if f := task.FailureOf(errors.New("inner"), true); f.Code != "PLP0000" || !strings.HasPrefix(f.Description, "[PLP0000] ") {
		t.Errorf("redacted: %+v", f)
	}
	if text := string(task.FailureOf(errs.New(errs.Invalid, "a\x00b"), true).JSON()); text != `{"description":"ab","traceback":""}` {
		t.Errorf("stored as %s", text)
	}
}

type args struct{ N int }

func (args) Kind() string      { return "test.args" }
func (args) Locks() task.Locks { return task.Locks{} }

func TestHandle(t *testing.T) {
	t.Parallel()
	h := task.Handle(func(_ context.Context, _ *task.Run, a args) (any, error) { return a.N + 1, nil })
	if h.Kind() != "test.args" {
		t.Errorf("kind is %s", h.Kind())
	}
	raw, err := json.Marshal(args{N: 4})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.Work(t.Context(), nil, raw); got != 5 || err != nil {
		t.Errorf("gives %v, %v", got, err)
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	if o := task.OriginFrom(t.Context()); !reflect.DeepEqual(o, task.Origin{}) {
		t.Errorf("a bare context has the origin %+v", o)
	}
	want := task.Origin{CID: "c", DomainID: "d", ParentID: "p", Diagnostics: []string{"x"}}
	if o := task.OriginFrom(task.WithOrigin(t.Context(), want)); !reflect.DeepEqual(o, want) {
		t.Errorf("origin is %+v", o)
	}
}

func TestFinalStates(t *testing.T) {
	t.Parallel()
	var final []task.State
	for _, s := range task.States() {
		if s.Final() {
			final = append(final, s)
		}
	}
	if fmt.Sprint(final) != "[skipped completed failed canceled]" {
		t.Errorf("final are %v", final)
	}
}
