package base

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
)

// authorizers are the types of authorizers that every Packhouse has.
func authorizers() map[string]app.MakeAuthorizer {
	return map[string]app.MakeAuthorizer{"ownership": newOwnership, "group_required": newGroupRequired}
}

// ownership lets only owners change an object: users with the model's locked role "_owner" on the very object, by
// themselves or through a group. Superusers are not held back. With filter_view, others do not even see it.
type ownership struct{ filterView bool }

func newOwnership(i config.Instance) (auth.Authorizer, error) {
	if err := i.Only("filter_view"); err != nil {
		return nil, err
	}
	view, err := i.Bool("filter_view", false)
	return ownership{view}, err
}

// sights are the actions that only look.
var sights = []string{"list", "retrieve", "my_permissions", "download"}

// Allows wants the owner role for every action that changes an object.
func (o ownership) Allows(ctx context.Context, view auth.View, q auth.Question) (bool, string, error) {
	object := q.Object
	for _, relation := range []string{"repository", "group"} {
		if parent, nested := q.Parents[relation]; nested {
			object = parent
		}
	}
	if q.User.IsSuperuser || object.ID == "" || slices.Contains(sights, q.Action) && !o.filterView {
		return true, "", nil
	}
	role := object.Model + "_owner"
	ok, err := view.HasRole(ctx, q.User, role, object)
	if ok || err != nil {
		return ok, "", err
	}
	return false, fmt.Sprintf("%s does not own %s: the role %s is missing", q.User.Username, object.PRN(), role), nil
}

// Limit leaves what the user owns, with filter_view.
func (o ownership) Limit(_ context.Context, _ auth.View, q auth.Question) (auth.Limit, error) {
	if !o.filterView || q.User.IsSuperuser {
		return auth.Limit{All: true}, nil
	}
	return auth.Limit{Roles: []string{q.Model + "_owner"}}, nil
}

// groupRequired lets only members of certain groups do certain things: by model label, such as "file.filerepository",
// then by verb, to the list of groups of which one is enough. What is not listed is not restricted; an empty list leaves
// superusers only.
type groupRequired map[string]map[string][]string

func newGroupRequired(i config.Instance) (auth.Authorizer, error) {
	all := groupRequired{}
	for noun, verbs := range i.Parameters {
		byVerb, ok := verbs.(map[string]any)
		if !ok {
			return nil, errs.New(errs.Invalid, "%s: expected verbs with lists of groups", noun)
		}
		all[noun] = map[string][]string{}
		for verb, list := range byVerb {
			groups, ok := texts(list)
			if !ok {
				return nil, errs.New(errs.Invalid, "%s: %s: expected a list of groups", noun, verb)
			}
			if !slices.Contains(knownVerbs(), verb) {
				return nil, errs.New(errs.Invalid, "%s: there is no verb %q; use %s", noun, verb, strings.Join(knownVerbs(), ", "))
			}
			all[noun][verb] = groups
		}
	}
	return all, nil
}

// Restricts are the labels that the settings name.
func (g groupRequired) Restricts() []string { return slices.Sorted(maps.Keys(g)) }

func texts(list any) ([]string, bool) {
	items, ok := list.([]any)
	out := make([]string, 0, len(items))
	for _, item := range items {
		text, isText := item.(string)
		if !isText {
			return nil, false
		}
		out = append(out, text)
	}
	return out, ok
}

func knownVerbs() []string {
	return []string{"create", "list", "view", "edit", "delete", "start", "stop"}
}

// verbOf says which verb an action counts as: what begins work is start, what ends it stop.
func verbOf(q auth.Question) string {
	switch q.Action {
	case "list", "create":
		return q.Action
	case "retrieve", "my_permissions", "list_roles", "download":
		return "view"
	case "destroy":
		return "delete"
	case "sync", "refresh", "repair":
		return "start"
	case "partial_update":
		if q.Model == "core.task" || q.Model == "core.taskgroup" {
			return "stop"
		}
	}
	return "edit"
}

// Allows wants the user in one of the groups that are listed for the verb.
func (g groupRequired) Allows(ctx context.Context, view auth.View, q auth.Question) (bool, string, error) {
	if q.User.IsSuperuser {
		return true, "", nil
	}
	mine, err := view.Groups(ctx, q.User)
	if err != nil {
		return false, "", err
	}
	for noun, verb := range touched(q) {
		groups, restricted := g[noun][verb]
		if restricted && !slices.ContainsFunc(groups, func(name string) bool { return slices.Contains(mine, name) }) {
			return false, fmt.Sprintf("to %s a %s one must be in %s", verb, noun, orNobody(groups)), nil
		}
	}
	return true, "", nil
}

// touched are the models that a question is about with what is done to each: who changes a version edits its repository,
// who adds a member edits the group.
func touched(q auth.Question) map[string]string {
	all := map[string]string{}
	for _, relation := range []string{"repository", "group"} {
		if parent, nested := q.Parents[relation]; nested {
			all[parent.Model] = "edit"
			if slices.Contains(sights, q.Action) {
				all[parent.Model] = "view"
			}
		}
	}
	all[q.Model] = verbOf(q)
	return all
}

func orNobody(groups []string) string {
	if len(groups) == 0 {
		return "no group: it is for superusers"
	}
	return strings.Join(groups, " or ")
}

// Limit shows nothing of a model that the user may neither list nor view.
func (g groupRequired) Limit(ctx context.Context, view auth.View, q auth.Question) (auth.Limit, error) {
	for _, action := range []string{"list", "retrieve"} {
		q.Action = action
		if ok, _, err := g.Allows(ctx, view, q); !ok || err != nil {
			return auth.Limit{}, err
		}
	}
	return auth.Limit{All: true}, nil
}

var (
	_ auth.Limiter     = ownership{}
	_ auth.Limiter     = groupRequired{}
	_ auth.Restricting = groupRequired{}
)
