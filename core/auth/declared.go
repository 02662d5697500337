package auth

import (
	"maps"
	"slices"
)

// Declared is what resources declare about access. It is filled while they are mounted and only read after that.
type Declared struct {
	policies map[string]*Policy
	roles    map[string]RoleSpec
	owns     map[string]Ownership
	models   map[string]string
	global   map[string]bool
}

// RoleSpec is a role that belongs to a resource. It is locked: REST cannot change it.
type RoleSpec struct {
	Name, Description string
	Permissions       []string
}

// Ownership says where the creator of an object is kept in its own row, for objects that are created too often to have an
// assignment each. Its creator has the roles that the policy's creation hook names.
type Ownership struct {
	// Policy is the name of the policy whose hooks give the roles.
	Policy string
	// Table and Column hold the number of the user.
	Table, Column string
}

// NewDeclared makes an empty set of declarations.
func NewDeclared() *Declared {
	return &Declared{policies: map[string]*Policy{}, roles: map[string]RoleSpec{}, owns: map[string]Ownership{}, models: map[string]string{}, global: map[string]bool{}}
}

// Policy declares a policy. A second one of a name, or one that cannot be followed, is a wiring mistake.
func (d *Declared) Policy(p *Policy) {
	if _, twice := d.policies[p.Name]; twice {
		panic("two access policies are declared for " + p.Name)
	}
	if err := p.Check(); err != nil {
		panic("the access policy of " + p.Name + " cannot be followed: " + err.Error())
	}
	d.policies[p.Name] = p
}

// Role declares a role. Resources that share a model declare the same role; different ones of a name are a wiring mistake.
func (d *Declared) Role(r RoleSpec) {
	slices.Sort(r.Permissions)
	r.Permissions = slices.Compact(r.Permissions)
	if old, known := d.roles[r.Name]; known && !slices.Equal(old.Permissions, r.Permissions) {
		panic("two different roles are declared with the name " + r.Name)
	}
	d.roles[r.Name] = r
}

// Owned declares where the creators of a model's objects are kept.
func (d *Declared) Owned(model string, o Ownership) { d.owns[model] = o }

// Permission declares that a permission is about objects of a model.
func (d *Declared) Permission(name, model string) { d.models[name] = model }

// Global declares that the objects of a model belong to no domain.
func (d *Declared) Global(model string) { d.global[model] = true }

// ModelOf is the model that a permission is about; ok is false for one that nothing declares.
func (d *Declared) ModelOf(permission string) (model string, ok bool) {
	model, ok = d.models[permission]
	return model, ok
}

// Permissions are the names of all permissions that are declared, in order.
func (d *Declared) Permissions() []string { return slices.Sorted(maps.Keys(d.models)) }

// Policies are the names of all policies, in order.
func (d *Declared) Policies() []string { return slices.Sorted(maps.Keys(d.policies)) }

// DomainAdmin is the locked role with every permission on what belongs to domains. It is meant to be given in one.
const DomainAdmin = "core.domain_admin"

func (d *Declared) domainAdmin() RoleSpec {
	r := RoleSpec{Name: DomainAdmin, Description: "May do everything with what belongs to a domain; give it in a domain."}
	for _, permission := range d.Permissions() {
		if model := d.models[permission]; model != "" && !d.global[model] {
			r.Permissions = append(r.Permissions, permission)
		}
	}
	return r
}

// Roles are the locked roles in the order of their names.
func (d *Declared) Roles() []RoleSpec {
	out := []RoleSpec{d.domainAdmin()}
	for _, name := range slices.Sorted(maps.Keys(d.roles)) {
		out = append(out, d.roles[name])
	}
	return out
}
