package base

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
)

// pretend answers what authorizers look at.
type pretend struct {
	groups []string
	// roles are "role prn".
	roles []string
	err   error
}

func (p pretend) Groups(context.Context, *auth.User) ([]string, error) { return p.groups, p.err }

func (p pretend) HasRole(_ context.Context, _ *auth.User, role string, o auth.Object) (bool, error) {
	return slices.Contains(p.roles, role+" "+o.PRN()), p.err
}

var (
	repo    = auth.Object{Model: "file.filerepository", ID: "1"}
	version = auth.Object{Model: "core.repositoryversion", ID: "2"}
	ann     = &auth.User{ID: 1, Username: "ann", IsActive: true}
	root    = &auth.User{ID: 2, Username: "root", IsActive: true, IsSuperuser: true}
)

func made(t *testing.T, make func(config.Instance) (auth.Authorizer, error), parameters map[string]any) auth.Authorizer {
	t.Helper()
	a, err := make(config.Instance{Name: "x", Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestOwnership(t *testing.T) {
	t.Parallel()
	owner := pretend{roles: []string{"file.filerepository_owner prn:file.filerepository:1"}}
	other := pretend{roles: []string{"file.filerepository_owner prn:file.filerepository:9", "file.filerepository_viewer prn:file.filerepository:1"}}
	nested := map[string]auth.Object{"repository": repo}
	for name, c := range map[string]struct {
		filter bool
		view   pretend
		q      auth.Question
		want   bool
	}{
		"owner changes":                {false, owner, auth.Question{User: ann, Action: "update", Model: repo.Model, Object: repo}, true},
		"another changes":              {false, other, auth.Question{User: ann, Action: "update", Model: repo.Model, Object: repo}, false},
		"another syncs":                {false, other, auth.Question{User: ann, Action: "sync", Model: repo.Model, Object: repo}, false},
		"another gives roles":          {false, other, auth.Question{User: ann, Action: "add_role", Model: repo.Model, Object: repo}, false},
		"another adds to a parent":     {false, other, auth.Question{User: ann, Action: "create", Model: version.Model, Parents: nested}, false},
		"owner adds to a parent":       {false, owner, auth.Question{User: ann, Action: "create", Model: version.Model, Parents: nested}, true},
		"another reads":                {false, other, auth.Question{User: ann, Action: "retrieve", Model: repo.Model, Object: repo}, true},
		"another reads, filtered":      {true, other, auth.Question{User: ann, Action: "retrieve", Model: repo.Model, Object: repo}, false},
		"owner reads, filtered":        {true, owner, auth.Question{User: ann, Action: "retrieve", Model: repo.Model, Object: repo}, true},
		"superuser":                    {true, other, auth.Question{User: root, Action: "destroy", Model: repo.Model, Object: repo}, true},
		"create has no owner":          {true, other, auth.Question{User: ann, Action: "create", Model: repo.Model}, true},
		"version of an own repository": {false, owner, auth.Question{User: ann, Action: "destroy", Model: version.Model, Object: version, Parents: nested}, true},
		"version of another's":         {false, other, auth.Question{User: ann, Action: "destroy", Model: version.Model, Object: version, Parents: nested}, false},
	} {
		a := made(t, newOwnership, map[string]any{"filter_view": c.filter})
		if ok, why, err := a.Allows(t.Context(), c.view, c.q); ok != c.want || err != nil || !ok && why == "" {
			t.Errorf("%s: %v, %q, %v", name, ok, why, err)
		}
		limit, err := a.(auth.Limiter).Limit(t.Context(), c.view, c.q)
		if free := !c.filter || c.q.User.IsSuperuser; err != nil || limit.All != free || !free && !slices.Equal(limit.Roles, []string{c.q.Model + "_owner"}) {
			t.Errorf("%s: the list is limited to %+v, %v", name, limit, err)
		}
	}
	broken := errors.New("broken")
	if _, _, err := made(t, newOwnership, nil).Allows(t.Context(), pretend{err: broken}, auth.Question{User: ann, Action: "update", Object: repo}); !errors.Is(err, broken) {
		t.Errorf("what could not be read became %v", err)
	}
	if _, err := newOwnership(config.Instance{Parameters: map[string]any{"filter": true}}); err == nil {
		t.Error("an unknown parameter was taken")
	}
}

func TestGroupRequired(t *testing.T) {
	t.Parallel()
	a := made(t, newGroupRequired, map[string]any{
		repo.Model:  map[string]any{"create": []any{"makers", "chiefs"}, "edit": []any{"chiefs"}, "start": []any{"syncers"}, "delete": []any{}, "view": []any{"readers"}},
		"core.task": map[string]any{"stop": []any{"chiefs"}},
	})
	for name, c := range map[string]struct {
		groups        []string
		user          *auth.User
		model, action string
		want          bool
	}{
		"one of two":              {[]string{"chiefs"}, ann, repo.Model, "create", true},
		"none":                    {nil, ann, repo.Model, "create", false},
		"another":                 {[]string{"Chiefs", "syncers"}, ann, repo.Model, "update", false},
		"labels are edits":        {[]string{"makers"}, ann, repo.Model, "set_label", false},
		"modify is an edit":       {[]string{"chiefs"}, ann, repo.Model, "modify", true},
		"roles are edits":         {nil, ann, repo.Model, "add_role", false},
		"what is new is an edit":  {nil, ann, repo.Model, "something_new", false},
		"sync":                    {[]string{"syncers"}, ann, repo.Model, "sync", true},
		"repair":                  {[]string{"chiefs"}, ann, repo.Model, "repair", false},
		"empty list":              {[]string{"chiefs", "makers"}, ann, repo.Model, "destroy", false},
		"superuser":               {nil, root, repo.Model, "destroy", true},
		"verb that is not listed": {nil, ann, repo.Model, "list", true},
		"model that is not":       {nil, ann, "core.upload", "destroy", true},
		"canceling":               {nil, ann, "core.task", "partial_update", false},
	} {
		q := auth.Question{User: c.user, Model: c.model, Action: c.action}
		if ok, why, err := a.Allows(t.Context(), pretend{groups: c.groups}, q); ok != c.want || err != nil || !ok && why == "" {
			t.Errorf("%s: %v, %q, %v", name, ok, why, err)
		}
	}
	for groups, want := range map[string]bool{"readers": true, "chiefs": false} {
		limit, err := a.(auth.Limiter).Limit(t.Context(), pretend{groups: []string{groups}}, auth.Question{User: ann, Model: repo.Model})
		if err != nil || limit.All != want {
			t.Errorf("%s: the list is limited to %+v, %v", groups, limit, err)
		}
	}
	if limit, err := a.(auth.Limiter).Limit(t.Context(), pretend{groups: []string{"readers"}, err: errors.New("broken")}, auth.Question{User: ann, Model: repo.Model}); err == nil || limit.All {
		t.Errorf("what could not be read leaves %+v", limit)
	}
	for _, wrong := range []map[string]any{{"a.b": "create"}, {"a.b": map[string]any{"create": "one"}}, {"a.b": map[string]any{"create": []any{1}}}, {"a.b": map[string]any{"creat": []any{}}}} {
		if _, err := newGroupRequired(config.Instance{Parameters: wrong}); err == nil {
			t.Errorf("%v was taken", wrong)
		}
	}
}
