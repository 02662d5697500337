package noun

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
)

// GuardKind declares a type of content guards whose rows are G.
type GuardKind[G any] struct {
	Kind
	// Row gives the noun's part of a row.
	Row func(*G) *model.ContentGuard
	// Fields are the type's own members.
	Fields []resource.Field[G]
	// Permit gives nil when the visit may pass, and errs.Forbidden with a reason for the client when it may not.
	Permit func(ctx context.Context, v *serve.Visit, g *G) error
	// Members are the identities of the guards that a guard is made of: it lets through what any of them does, and
	// everything when it has none. Permit is not asked then. Nil for types of which no guard is made of others.
	Members func(*G) []string
	// Shareable guards have roles of their own; Roles are further locked ones, of which creators get CreatorAlso.
	Shareable   bool
	Roles       []auth.RoleSpec
	CreatorAlso []string
	// Check looks at the whole row; old is nil on create. May be nil.
	Check func(in *resource.Input, m, old *G) error
	// Load brings what a page of rows needs beyond its columns. It is called where a guard decides, too. May be nil.
	Load func(page *resource.Page, rows []*G) error
	// Differs tells of changes that no column shows, and Saved stores them. Both may be nil.
	Differs func(m, old *G) bool
	Saved   func(w *resource.Work, m, old *G) error
}

// Register makes guards known to references.
func (k GuardKind[G]) Register(r *resource.Registry) { k.resource().Register(r) }

// Mount gives the operations of guards.
func (k GuardKind[G]) Mount(env *resource.Env) []resource.Operation { return k.resource().Mount(env) }

// Guards is how the content server reads the guards of the type.
func (k GuardKind[G]) Guards(env *resource.Env) serve.GuardKind {
	row := resource.Loader(k.resource(), env)
	kind := &k
	return serve.GuardKind{PulpType: k.Type, Load: func(ctx context.Context, tx *gorm.DB, id string, find serve.FindGuard) (serve.Guard, error) {
		g, err := row(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if kind.Members == nil {
			return guard[G]{kind: kind, row: g}, nil
		}
		var all anyOf
		for _, id := range kind.Members(g) {
			member, err := find(id)
			if err != nil {
				return nil, err
			}
			all = append(all, member)
		}
		return all, nil
	}}
}

// guard is a guard with its row as it was read.
type guard[G any] struct {
	kind *GuardKind[G]
	row  *G
}

// Permit asks the type.
func (g guard[G]) Permit(ctx context.Context, v *serve.Visit) error {
	return g.kind.Permit(ctx, v, g.row)
}

// anyOf is a guard that is made of others.
type anyOf []serve.Guard

// Permit lets through what the first that permits does. A member that cannot decide does not keep the next from being
// asked, but is told when none permits.
func (all anyOf) Permit(ctx context.Context, v *serve.Visit) error {
	if len(all) == 0 {
		return nil
	}
	var trouble error
	for _, member := range all {
		err := member.Permit(ctx, v)
		if err == nil {
			return nil
		}
		if !errs.Is(err, errs.Forbidden) && trouble == nil {
			trouble = err
		}
	}
	if trouble != nil {
		return trouble
	}
	return errs.New(errs.Forbidden, "none of the content guards of this distribution lets the request through")
}

func (k GuardKind[G]) resource() *resource.Of[G] {
	row := func(m *G) *model.Base { return &k.Row(m).Base }
	fields := append(base(k.Kind, row), typed(func(m *G) *string { k.Row(m).PulpType = k.Type; return &k.Row(m).PulpType }))
	return &resource.Of[G]{
		Path: k.Path, Type: k.Type, Component: k.Component, Doc: k.Doc,
		Source:     resource.Source{Table: k.Table, Master: "core_content_guards", Where: "m.pulp_type = '" + k.Type + "'"},
		Base:       row,
		Fields:     append(append(fields, GuardFields(k.Row)...), k.Fields...),
		Offers:     []resource.Verb{resource.List, resource.Create, resource.Read, resource.Update, resource.Delete},
		Access:     resource.Permissions(k.Model()),
		Unique:     map[string]string{"core_content_guards(domain_id, name)": "name"},
		Check:      k.Check,
		Load:       k.Load,
		Differs:    k.Differs,
		Saved:      k.Saved,
		Removable:  func(ctx context.Context, tx *gorm.DB, m *G) error { return unused(ctx, tx, k.Row(m).ID) },
		SyncUpdate: true, SyncDelete: true,
		Shareable: k.Shareable, Roles: k.Roles, CreatorAlso: k.CreatorAlso,
	}
}

// GuardFields are the members of every content guard.
func GuardFields[G any](row func(*G) *model.ContentGuard) []resource.Field[G] {
	return []resource.Field[G]{
		resource.Text("name", func(m *G) *string { return &row(m).Name }).Column("m.name").Required().Filters(resource.Lookups).Doc("The unique name."),
		resource.NullText("description", func(m *G) **string { return &row(m).Description }).Column("m.description").Doc("An optional description."),
	}
}

// unused refuses to delete a guard that still guards something: what it guarded must not become open by the way.
func unused(ctx context.Context, tx *gorm.DB, id string) error {
	var names []string
	err := tx.WithContext(ctx).Table("core_distributions").Where("content_guard_id = ?", id).Order("name").Limit(named).Pluck("name", &names).Error
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return errs.Together("This content guard is used by the distributions %s; delete them, or give them another guard or none, first.", strings.Join(names, ", "))
	}
	err = tx.WithContext(ctx).Table("core_composite_guard_members c").Joins("JOIN core_content_guards g ON g.id = c.composite_id").
		Where("c.guard_id = ?", id).Order("g.name").Limit(named).Pluck("g.name", &names).Error
	if err == nil && len(names) > 0 {
		err = errs.Together("This content guard is part of the composite guards %s; take it out of them first.", strings.Join(names, ", "))
	}
	return err
}

// named is how many names a message tells at most.
const named = 10
