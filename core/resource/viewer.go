package resource

import (
	"context"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
)

// Viewer limits what is read to what one user may see. A nil Viewer sees everything: tasks work with references that were
// looked at when they were dispatched.
type Viewer struct {
	ctx      context.Context
	decider  *auth.Decider
	registry *Registry
	user     *auth.User
	domain   string
	seen     map[string]auth.Visible
	// single tells that one row is looked up, not a list.
	single bool
}

// ownKey is the identity of the resource's own rows.
const ownKey = "d.id"

// Viewer is who looks in this call.
func (c *Call) Viewer() *Viewer {
	if c.viewer == nil {
		c.viewer = &Viewer{ctx: c.context, decider: c.Env.Decider, registry: c.Env.Registry, user: c.User, domain: c.Domain, seen: map[string]auth.Visible{}}
	}
	return c.viewer
}

// ViewerOf is a user in the work of a task, without the limits of a token.
func (e *Env) ViewerOf(ctx context.Context, user *auth.User, domain string) *Viewer {
	return &Viewer{ctx: ctx, decider: e.Decider, registry: e.Registry, user: user, domain: domain, seen: map[string]auth.Visible{}}
}

// everything is the condition that always holds, nothing the one that never does.
var (
	everything = Cond{SQL: "1 = 1"}
	nothing    = Cond{SQL: "1 = 0"}
)

// Always tells whether a condition always holds.
func (c Cond) Always() bool { return c.SQL == everything.SQL }

// Everything tells whether the user sees all objects of a model, by a permission.
func (v *Viewer) Everything(model, permission string) (bool, error) {
	if v == nil {
		return true, nil
	}
	visible, err := v.visible(model, permission)
	return visible.All && len(visible.Limits) == 0 && visible.Only == nil, err
}

// Sees is the condition that the identity key is that of an object of the model on which the user has the permission.
func (v *Viewer) Sees(model, permission, key string) (Cond, error) {
	if v == nil {
		return everything, nil
	}
	visible, err := v.visible(model, permission)
	if err != nil {
		return nothing, err
	}
	kind, _ := v.registry.ByModel(model)
	return visibleCond(visible, kind, model, key, v.single && key == ownKey), nil
}

// SeesAnywhere is Sees for rows of all domains, with the identity of a row's domain in the column domain: a row of another
// domain than the one that is looked at takes the right to see all that there are.
func (v *Viewer) SeesAnywhere(model, permission, key, domain string) (Cond, error) {
	seen, err := v.Sees(model, permission, key)
	if err != nil || v.Superuser() && seen.Always() {
		return seen, err
	}
	return all([]Cond{seen, {SQL: domain + " = ?", Args: []any{v.Domain()}}}), nil
}

func (v *Viewer) visible(model, permission string) (auth.Visible, error) {
	name := model + " " + permission
	if found, ok := v.seen[name]; ok {
		return found, nil
	}
	found, err := v.decider.Visible(v.ctx, v.user, permission, model, v.domain)
	if err == nil {
		v.seen[name] = found
	}
	return found, err
}

func visibleCond(v auth.Visible, kind Kind, model, key string, single bool) Cond {
	var conds []Cond
	switch {
	case v.None():
		return nothing
	case !v.All:
		conds = append(conds, assigned(v, auth.RoleLimit{Roles: v.Roles, Owned: v.Owned}, kind, model, key, single))
	}
	for _, limit := range v.Limits {
		conds = append(conds, assigned(v, limit, kind, model, key, single))
	}
	if v.Only != nil {
		if len(v.Only) == 0 {
			return nothing
		}
		ids := make([]any, len(v.Only))
		for i, id := range v.Only {
			ids[i] = kind.key(id)
		}
		conds = append(conds, Cond{SQL: key + " IN ?", Args: []any{ids}})
	}
	if len(conds) == 0 {
		return everything
	}
	return all(conds)
}

// assigned is the condition that the user has one of the roles on the object, by himself, through a group or as its
// creator.
func assigned(v auth.Visible, limit auth.RoleLimit, kind Kind, model, key string, single bool) Cond {
	var parts []holding
	if len(limit.Roles) > 0 {
		parts = append(parts, holding{"sa.object_id", "core_role_assignments sa WHERE sa.user_id = ? AND sa.model = ? AND sa.role_id IN ?", []any{v.UserID, model, limit.Roles}})
	}
	if len(limit.Roles) > 0 && len(v.Groups) > 0 {
		parts = append(parts, holding{"sg.object_id", "core_role_assignments sg WHERE sg.group_id IN ? AND sg.model = ? AND sg.role_id IN ?", []any{v.Groups, model, limit.Roles}})
	}
	var texts []string
	var args []any
	for _, p := range parts {
		texts, args = append(texts, p.text(kind.assigned(p.column), key, single && !kind.Numbered)), append(args, p.args...)
	}
	if limit.Owned != nil {
		own := holding{"so.id", limit.Owned.Table + " so WHERE so." + limit.Owned.Column + " = ?", nil}
		texts, args = append(texts, own.text(own.column, key, single && !kind.Numbered)), append(args, v.UserID)
	}
	switch {
	case len(texts) == 0:
		return nothing
	case single && !kind.Numbered:
		return Cond{SQL: "(" + strings.Join(texts, " OR ") + ")", Args: args}
	}
	return Cond{SQL: key + " IN (" + strings.Join(texts, " UNION ALL ") + ")", Args: args}
}

// holding is one way to have a role on objects: rows whose column is the identity of an object.
type holding struct {
	column, rows string
	args         []any
}

// text is the query for the identities, or, for a single row, whether its identity is among them: one step of an index,
// however many others there are.
func (p holding) text(identity, key string, single bool) string {
	if single {
		// The plus keeps a planner from the index over all that the user has.
		return "EXISTS (SELECT 1 FROM " + strings.Replace(p.rows, " WHERE ", " WHERE +", 1) + " AND " + p.column + " = " + key + ")"
	}
	return "SELECT " + identity + " FROM " + p.rows
}

// assigned is the identity that an assignment's column stands for, as the table of the kind keeps it; see auth.ObjectKey.
func (k Kind) assigned(column string) string {
	if !k.Numbered {
		return column
	}
	return "CAST(SUBSTR(CAST(" + column + " AS text), 25) AS bigint)"
}

// Kind is the condition that an object of a kind, with its identity in key, may be seen.
func (v *Viewer) Kind(k Kind, key string) (Cond, error) {
	if v == nil {
		return everything, nil
	}
	if k.Sees == nil {
		if v.user != nil && v.user.IsSuperuser {
			return everything, nil
		}
		return nothing, nil
	}
	return k.Sees(v, key)
}

// Family is the condition that an object of a noun may be seen, whose type is in typeColumn.
func (v *Viewer) Family(family, key, typeColumn string) (Cond, error) {
	if v == nil {
		return everything, nil
	}
	var parts []string
	var args []any
	free := true
	for _, k := range v.registry.family(family) {
		cond, err := v.Kind(k, key)
		if err != nil {
			return nothing, err
		}
		free = free && cond.Always()
		if cond.SQL == nothing.SQL {
			continue
		}
		parts = append(parts, "("+typeColumn+" = ? AND "+cond.SQL+")")
		args = append(append(args, k.Type), cond.Args...)
	}
	switch {
	case free && (v.user == nil || v.user.IsSuperuser):
		return everything, nil
	case len(parts) == 0:
		return nothing, nil
	}
	return Cond{SQL: "(" + strings.Join(parts, " OR ") + ")", Args: args}, nil
}

// Repositories is a query for the identities of the repositories of the domain that may be seen; everything is true when
// no question is needed, for a superuser.
func (v *Viewer) Repositories() (query Cond, everywhere bool, err error) {
	if v == nil || v.user != nil && v.user.IsSuperuser && v.user.Scope == nil {
		limited, err := v.limited("repositories")
		if err != nil || !limited {
			return Cond{}, true, err
		}
	}
	cond, err := v.Family("repositories", "sr.id", "sr.pulp_type")
	return Cond{SQL: "SELECT sr.id FROM core_repositories sr WHERE sr.domain_id = ? AND NOT sr.user_hidden AND " + cond.SQL, Args: append([]any{v.Domain()}, cond.Args...)}, false, err
}

// limited tells whether authorizers take something of a noun from whoever sees everything.
func (v *Viewer) limited(family string) (bool, error) {
	if v == nil {
		return false, nil
	}
	for _, k := range v.registry.family(family) {
		cond, err := v.Kind(k, "id")
		if err != nil || !cond.Always() {
			return true, err
		}
	}
	return false, nil
}

// Superuser tells whether a superuser looks, or the system.
func (v *Viewer) Superuser() bool {
	return v == nil || v.user != nil && v.user.IsSuperuser && v.user.Scope == nil
}

// Domain is the identity of the domain that is looked at.
func (v *Viewer) Domain() string {
	if v == nil {
		return ""
	}
	return v.domain
}

// Through is the condition that a row belongs to a repository that may be seen. in makes it of a query for identities of
// repositories.
func (v *Viewer) Through(in func(repositories string) string) (Cond, error) {
	query, everywhere, err := v.Repositories()
	if err != nil || everywhere {
		return everything, err
	}
	return Cond{SQL: in(query.SQL), Args: query.Args}, nil
}

// May tells whether the user has a permission on an object.
func (v *Viewer) May(permission string, o auth.Object) (bool, error) {
	if v == nil {
		return true, nil
	}
	return v.decider.Holds(v.ctx, v.user, permission, o, v.domain)
}

// Hold makes sure that a user has a permission on an object; otherwise it is Forbidden.
func (v *Viewer) Hold(permission string, o auth.Object) error {
	ok, err := v.May(permission, o)
	if err == nil && !ok {
		err = errs.New(errs.Forbidden, "You do not have permission to perform this action; it needs %s.", permission)
	}
	return err
}

// family lists the kinds of a noun in the order of their types.
func (r *Registry) family(family string) []Kind {
	var kinds []Kind
	for _, k := range r.byType {
		if k.Family() == family {
			kinds = append(kinds, k)
		}
	}
	slices.SortFunc(kinds, func(a, b Kind) int { return strings.Compare(a.Type, b.Type) })
	return kinds
}
