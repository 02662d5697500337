package resource

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/packhouse/packhouse/core/auth"
)

// The actions of policies for the standard operations (rest-contract §1.18).
const (
	actionList    = "list"
	actionCreate  = "create"
	actionRead    = "retrieve"
	actionUpdate  = "update"
	actionPatch   = "partial_update"
	actionDestroy = "destroy"
)

// PolicyName is the name of the policy of an endpoint: its path without parameters.
func PolicyName(path string) string { return parameters().ReplaceAllString(path, "") }

var parameters = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{[^}]*\}/`) })

// declareAccess derives policy, locked roles and permissions from the declaration.
func (p *prepared[M]) declareAccess() {
	d := p.env.declared()
	for _, verb := range p.verbs() {
		if name, ok := p.Access[verb].Permission(); ok && !p.Unaddressed {
			d.Permission(name, p.modelOf(name))
		}
	}
	if p.Source.NoDomain {
		d.Global(p.Model)
	}
	if p.Owned != nil {
		d.Owned(p.Model, *p.Owned)
	}
	for _, r := range p.Roles {
		d.Role(r)
		for _, name := range r.Permissions {
			d.Permission(name, p.modelOf(name))
		}
	}
	if p.Shareable {
		p.declareRoles(d)
	}
	if !p.AdminOnly {
		d.Policy(p.policy())
	}
}

// verbs are those that the resource offers, by itself or in actions.
func (p *prepared[M]) verbs() []Verb {
	verbs := slices.Clone(p.Offers)
	for i := range p.Actions {
		verbs = append(verbs, p.Actions[i].access())
	}
	return verbs
}

// modelOf is the model that a permission is about: the one whose name it ends in, or else the resource's own.
func (p *prepared[M]) modelOf(permission string) string {
	if label, known := p.env.modelNamed(permission); known {
		return label
	}
	return p.Model
}

// modelNamed is the model whose name a permission ends in, as in file.view_filerepository.
func (e *Env) modelNamed(permission string) (string, bool) {
	app, code, _ := strings.Cut(permission, ".")
	k, known := e.Registry.ByModel(app + "." + code[strings.LastIndexByte(code, '_')+1:])
	return k.Model, known
}

// permission is the name of a permission on the resource's own model.
func (p *prepared[M]) permission(verb string) string { return Permission(verb, p.Model) }

// own are the permissions on the resource's model that its operations ask for.
func (p *prepared[M]) own() []string {
	var names []string
	for _, verb := range p.verbs() {
		name, ok := p.Access[verb].Permission()
		if ok && p.modelOf(name) == p.Model && strings.HasSuffix(name, "_"+p.Model[strings.IndexByte(p.Model, '.')+1:]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// declareRoles makes the locked roles: one that may create, one that may do everything with an object, one that may look.
func (p *prepared[M]) declareRoles(d *auth.Declared) {
	add, view := p.permission("add"), p.permission("view")
	var owner []string
	for _, name := range p.own() {
		if name != add {
			owner = append(owner, name)
		}
	}
	what := p.Doc
	d.Role(auth.RoleSpec{Name: p.Model + "_owner", Description: "May do everything with an object: " + what, Permissions: append(owner, p.OwnerAlso...)})
	d.Role(auth.RoleSpec{Name: p.Model + "_viewer", Description: "May look at an object: " + what, Permissions: []string{view}})
	if slices.Contains(p.own(), add) {
		d.Role(auth.RoleSpec{Name: p.Model + "_creator", Description: "May create objects: " + what, Permissions: []string{add}})
	}
	for _, name := range p.OwnerAlso {
		d.Permission(name, p.Model)
	}
}

// policy derives who may do what from the rules of the verbs.
func (p *prepared[M]) policy() *auth.Policy {
	policy := &auth.Policy{Name: PolicyName(p.Path)}
	if p.scoped() {
		policy.Scoping = &auth.Function{Function: auth.ScopeVisible}
	}
	for _, s := range []struct {
		verb    Verb
		actions []string
	}{{List, []string{actionList}}, {Create, []string{actionCreate}}, {Read, []string{actionRead}}, {Update, []string{actionUpdate, actionPatch}}, {Delete, []string{actionDestroy}}} {
		if p.offers(s.verb) {
			policy.Statements = append(policy.Statements, p.statement(s.verb, s.verb == List || s.verb == Create, s.actions...)...)
		}
	}
	for i := range p.Actions {
		a := &p.Actions[i]
		if p.Shareable && (a.Access == manageRoles || a.Verb == "my_permissions") { // see roleStatements
			continue
		}
		policy.Statements = append(policy.Statements, p.statement(a.access(), a.OnList, a.policyAction())...)
	}
	if p.Shareable {
		policy.Statements = append(policy.Statements, p.roleStatements()...)
		policy.Hooks = []auth.Hook{{Function: auth.HookCreator, Parameters: map[string]any{"roles": p.creatorRoles()}}}
	}
	return policy
}

func (p *prepared[M]) creatorRoles() any {
	if len(p.CreatorAlso) == 0 {
		return p.Model + "_owner"
	}
	return append([]string{p.Model + "_owner"}, p.CreatorAlso...)
}

// scoped tells whether lists and look-ups are limited to what the user may see.
func (p *prepared[M]) scoped() bool { return p.sees() != nil }

// statement is what allows a verb. Nobody's verbs have none; a list that is limited to what is visible is for all users.
func (p *prepared[M]) statement(verb Verb, onList bool, actions ...string) []auth.Statement {
	rule := p.Access[verb]
	s := auth.Statement{Action: actions, Principal: auth.Texts{auth.PrincipalUsers}, Effect: auth.Allow}
	permission, named := rule.Permission()
	switch {
	case rule == auth.Nobody:
		return nil
	case rule == auth.Superusers:
		s.Principal = auth.Texts{auth.PrincipalAdmin}
	case actions[0] == actionList && p.scoped() && p.Relation == "", verb == Read && p.ReadBySight:
	case named:
		s.Condition = p.demands(verb, onList, permission)
	}
	s.Condition = append(s.Condition, p.Needs[verb]...)
	return []auth.Statement{s}
}

func (p *prepared[M]) demands(verb Verb, onList bool, permission string) auth.Texts {
	prefix, levels := "has_", "model_or_domain_or_obj_perms:"
	switch {
	case p.Source.NoDomain && onList && p.Relation == "":
		levels = "model_perms:"
	case p.Source.NoDomain:
		levels = "model_or_obj_perms:"
	case onList && p.Relation == "":
		levels = "model_or_domain_perms:"
	}
	if p.Relation != "" {
		prefix += p.Relation + "_"
	}
	conditions := auth.Texts{prefix + levels + permission}
	view, viewed := p.Access[Read].Permission()
	if !onList && verb != Read && viewed && view != permission && !p.ReadBySight && strings.HasSuffix(permission, p.suffix(view)) {
		conditions = append(conditions, prefix+levels+view)
	}
	return conditions
}

// suffix is the model's part of a permission's name.
func (p *prepared[M]) suffix(permission string) string {
	return permission[strings.LastIndexByte(permission, '_'):]
}

func (a *Action[M]) access() Verb {
	if a.Access != "" {
		return a.Access
	}
	return a.Verb
}

// policyAction is the action's name in policies: on the object's own path it is that of the method.
func (a *Action[M]) policyAction() string {
	if a.OnSelf {
		return map[string]string{"PUT": actionUpdate, "PATCH": actionPatch}[a.Method]
	}
	return string(a.Verb)
}

// sees is how rows of the resource are limited to what may be seen; nil when they are not.
func (d *Of[M]) sees() func(v *Viewer, key string) (Cond, error) {
	if d.Sees != nil {
		return d.Sees
	}
	view, named := d.Access[Read].Permission()
	if !named {
		view, named = d.Access[List].Permission()
	}
	if !named || d.Unscoped || d.AdminOnly || d.Relation != "" || d.Model == "" {
		return nil
	}
	return func(v *Viewer, key string) (Cond, error) { return v.Sees(d.Model, view, key) }
}
