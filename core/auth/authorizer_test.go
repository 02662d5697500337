package auth

import (
	"context"
	"errors"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
)

// opinion is an authorizer that says what it is told to, and counts how often it is asked.
type opinion struct {
	allows func(ctx context.Context) (bool, string, error)
	limit  func() (Limit, error)
	asked  int
}

func (o *opinion) Allows(ctx context.Context, _ View, _ Question) (bool, string, error) {
	o.asked++
	return o.allows(ctx)
}

func (o *opinion) Limit(context.Context, View, Question) (Limit, error) { return o.limit() }

func agrees() *opinion {
	return &opinion{allows: func(context.Context) (bool, string, error) { return true, "", nil }, limit: func() (Limit, error) { return Limit{All: true}, nil }}
}

func says(allows func(ctx context.Context) (bool, string, error)) *opinion {
	return &opinion{allows: allows, limit: agrees().limit}
}

func (f *access) asking(t *testing.T, authorizers ...Authorizer) *Decider {
	t.Helper()
	var named []NamedAuthorizer
	for _, a := range authorizers {
		named = append(named, NamedAuthorizer{Name: "one", Authorizer: a, Timeout: 1})
		if o, ok := a.(*opinion); ok && o.limit != nil {
			named[len(named)-1].Timeout = 0
		}
	}
	d, err := NewDecider(Options{DB: f.db, Declared: f.decider.declared, Authorizers: named})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAllAuthorizersHaveToAgree(t *testing.T) {
	t.Parallel()
	f := newAccess(t, testkit.SQLite(t))
	ann := f.person(t, "ann")
	over, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct {
		ctx  context.Context
		all  []Authorizer
		want errs.Kind
	}{
		"none":             {t.Context(), nil, ""},
		"all":              {t.Context(), []Authorizer{agrees(), agrees()}, ""},
		"last says no":     {t.Context(), []Authorizer{agrees(), says(func(context.Context) (bool, string, error) { return false, "no", nil })}, errs.Forbidden},
		"yes and an error": {t.Context(), []Authorizer{says(func(context.Context) (bool, string, error) { return true, "", errors.New("broken") }), agrees()}, errs.Forbidden},
		"panic":            {t.Context(), []Authorizer{says(func(context.Context) (bool, string, error) { panic("oh") })}, errs.Forbidden},
		"nothing there":    {t.Context(), []Authorizer{nil}, errs.Forbidden},
		"request is over": {over, []Authorizer{says(func(ctx context.Context) (bool, string, error) {
			<-ctx.Done() // and says nothing even then
			<-t.Context().Done()
			return true, "", nil
		})}, errs.Forbidden},
		"too late": {t.Context(), []Authorizer{&opinion{allows: func(ctx context.Context) (bool, string, error) {
			<-ctx.Done() // and says nothing even then
			<-t.Context().Done()
			return true, "", nil
		}}}, errs.Forbidden},
	} {
		d := f.asking(t, c.all...)
		var trace Trace
		if _, err := d.Decide(c.ctx, Question{User: ann, Rule: Authenticated, Trace: &trace}); errs.KindOf(err) != c.want {
			t.Errorf("%s: got %v, want kind %q", name, err, c.want)
		}
		if last := trace.Steps[len(trace.Steps)-1]; c.want != "" && (last.Kind != "authorizer" || last.Result != "no") {
			t.Errorf("%s: the trace ends in %+v", name, last)
		}
	}
}

func TestAuthorizersAreNotAskedAboutWhatIsDeniedAnyway(t *testing.T) {
	t.Parallel()
	f := newAccess(t, testkit.SQLite(t))
	o := agrees()
	d := f.asking(t, o)
	if _, err := d.Decide(t.Context(), Question{User: f.person(t, "ann"), Rule: Permission("test.view_thing")}); err == nil || o.asked != 0 {
		t.Errorf("%v, asked %d times", err, o.asked)
	}
}

func TestListsAreWhatAllAuthorizersLeave(t *testing.T) {
	onBoth(t, func(t *testing.T, f *access) {
		ann := f.person(t, "ann")
		f.give(t, Assignment{UserID: &ann.ID}, Object{}, "test.view_thing")
		f.write(t, func(tx *db.Tx) error {
			return tx.Exec("UPDATE test_things SET created_by = ? WHERE id = ?", ann.ID, things[0]).Error
		})
		ann = f.again(t, ann)
		limited := func(roles ...string) Authorizer {
			o := agrees()
			o.limit = func() (Limit, error) { return Limit{Roles: roles}, nil }
			return o
		}
		fails := agrees()
		fails.limit = func() (Limit, error) { return Limit{All: true}, errors.New("broken") }
		d := f.asking(t, agrees(), limited("test.thing_owner"), limited("unknown"))
		v, err := d.Visible(t.Context(), ann, "test.view_thing", "test.thing", "")
		if err != nil || !v.All || len(v.Limits) != 2 || len(v.Limits[0].Roles) != 1 || v.Limits[0].Owned == nil || len(v.Limits[1].Roles) != 0 || v.Limits[1].Owned != nil {
			t.Errorf("%+v, %v", v, err)
		}
		if v, err := f.asking(t, fails).Visible(t.Context(), ann, "test.view_thing", "test.thing", ""); !errs.Is(err, errs.Forbidden) {
			t.Errorf("an authorizer that fails leaves %+v, %v", v, err)
		}
		for i, want := range []bool{true, false} { // what the limit says of lists, HasRole says of objects
			if got, err := d.HasRole(t.Context(), ann, "test.thing_owner", Object{"test.thing", things[i]}); err != nil || got != want {
				t.Errorf("thing %d: %v, %v", i, got, err)
			}
		}
	})
}
