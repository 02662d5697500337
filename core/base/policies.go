package base

import (
	"bytes"
	"encoding/json"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// policyRow is the access policy of an endpoint as it is edited and shown.
type policyRow struct {
	base                       model.Base
	name                       string
	statements, hooks, scoping model.JSON
	customized                 bool
	// given and alias are creation_hooks and permissions_assignment of a body.
	given, alias model.JSON
	effective    *auth.Policy
}

// AccessPolicies say who may do what at each endpoint (rest-contract §2.17).
func AccessPolicies() resource.Of[policyRow] {
	base := func(p *policyRow) *model.Base { return &p.base }
	fields := resource.BaseFields("d.", "core.accesspolicy", base, func(p *policyRow) string { return "access_policies/" + p.base.ID + "/" })
	fields = append(fields[:3:3], fields[4:]...) // policies belong to no domain
	access := superusers()
	delete(access, resource.Create)
	delete(access, resource.Delete)
	access["reset"] = auth.Superusers
	return resource.Of[policyRow]{
		Path: "access_policies", Component: "AccessPolicy", Doc: "Who may do what at an endpoint.",
		Source: resource.Source{Table: "core_access_policies", NoDomain: true}, Base: base, Fields: append(fields, policyFields()...),
		Offers: []resource.Verb{resource.List, resource.Read, resource.Update}, Access: access, AdminOnly: true, SyncUpdate: true,
		Within: func(c *resource.Call) (resource.Cond, error) { // what was removed with its plugin is not shown
			return resource.Cond{SQL: "d.viewset_name IN ?", Args: []any{c.Env.Declared.Policies()}}, nil
		},
		Load: loadPolicies, Check: checkPolicy,
		Saved: func(w *resource.Work, p, _ *policyRow) error {
			if err := auth.CheckHooks(w.Tx.DB, p.effective.Hooks); err != nil {
				return err
			}
			return auth.Changed(w.Tx)
		},
		Actions: []resource.Action[policyRow]{{Verb: "reset", Doc: "Undo all edits.", Handle: resetPolicy,
			Answers: map[int]resource.AnswerDoc{200: {Doc: "The policy as it is now.", Schema: "AccessPolicyResponse"}}}},
	}
}

func policyFields() []resource.Field[policyRow] {
	object := resource.Schema{"type": "object"}
	list := resource.Schema{"type": "array", "items": object}
	take := func(name string, schema resource.Schema, of func(*policyRow) *model.JSON) resource.Field[policyRow] {
		return resource.AnyJSON(name, schema, of).WriteOnly()
	}
	show := func(name string, schema resource.Schema, of func(*auth.Policy) any) resource.Field[policyRow] {
		return resource.Computed(name, schema, func(s *resource.Show, p *policyRow) { s.Value(of(p.effective)) })
	}
	hooks := func(p *auth.Policy) any { return append([]auth.Hook{}, p.Hooks...) }
	return []resource.Field[policyRow]{
		resource.Text("viewset_name", func(p *policyRow) *string { return &p.name }).ReadOnly().Filters(resource.Lookups).Doc("The path of the endpoint without parameters."),
		resource.Bool("customized", func(p *policyRow) *bool { return &p.customized }).ReadOnly().Filters(flag).Doc("True once somebody edited it here."),
		take("statements", list, func(p *policyRow) *model.JSON { return &p.statements }).Column("d.statements"),
		take("creation_hooks", list, func(p *policyRow) *model.JSON { return &p.given }).Unstored(),
		take("permissions_assignment", list, func(p *policyRow) *model.JSON { return &p.alias }).Unstored().Doc("Another name of creation_hooks."),
		take("queryset_scoping", object.OrNull(), func(p *policyRow) *model.JSON { return &p.scoping }).Column("d.queryset_scoping"),
		resource.Hidden("d.creation_hooks", func(p *policyRow) *model.JSON { return &p.hooks }),
		show("statements", list, func(p *auth.Policy) any { return append([]auth.Statement{}, p.Statements...) }),
		show("creation_hooks", list, hooks), show("permissions_assignment", list, hooks),
		show("queryset_scoping", object.OrNull(), func(p *auth.Policy) any { return p.Scoping }),
	}
}

// row is the part that decisions read.
func (p *policyRow) row() *auth.PolicyRow {
	return &auth.PolicyRow{ViewsetName: p.name, Statements: p.statements, CreationHooks: p.hooks, QuerysetScoping: p.scoping, Customized: p.customized}
}

func loadPolicies(page *resource.Page, rows []*policyRow) (err error) {
	for _, p := range rows {
		if p.effective, err = page.Env.Decider.Effective(p.row()); err != nil {
			return err
		}
	}
	return nil
}

// checkPolicy makes sure that the policy can be followed. Every write counts as an edit.
func checkPolicy(in *resource.Input, p, old *policyRow) error {
	if p.alias != nil {
		if p.given != nil && !sameHooks(p.given, p.alias) {
			return errs.Together("creation_hooks and permissions_assignment are two names of one thing and must agree.")
		}
		p.given = p.alias
	}
	if p.given != nil {
		p.hooks = p.given
	}
	// A member that was never edited goes on being what is declared.
	edited := *old.effective
	for _, part := range []struct {
		name string
		text model.JSON
		into any
	}{{"statements", p.statements, &edited.Statements}, {"creation_hooks", p.hooks, &edited.Hooks}, {"queryset_scoping", p.scoping, &edited.Scoping}} {
		if part.text == nil {
			continue
		}
		if err := strictly(part.text, part.into); err != nil {
			return errs.Field(part.name, "This cannot be read: %s.", err)
		}
	}
	p.customized, p.effective = true, &edited
	return edited.Check()
}

// strictly decodes JSON without members that nobody knows. What was in the target before does not show through.
func strictly(text model.JSON, into any) error {
	switch v := into.(type) {
	case *[]auth.Statement:
		*v = nil
	case *[]auth.Hook:
		*v = nil
	case **auth.Function:
		*v = nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func sameHooks(a, b model.JSON) bool {
	var x, y []auth.Hook
	if strictly(a, &x) != nil || strictly(b, &y) != nil {
		return false
	}
	left, _ := json.Marshal(x)  // what was decoded always marshals
	right, _ := json.Marshal(y) // and in one order
	return bytes.Equal(left, right)
}

func resetPolicy(c *resource.Call, p *policyRow) (*resource.Answer, error) {
	err := c.Env.DB.InTx(c.Context(), func(tx *db.Tx) error {
		err := tx.Exec("UPDATE core_access_policies SET statements = NULL, creation_hooks = NULL, queryset_scoping = NULL, customized = FALSE, pulp_last_updated = ? WHERE id = ?", model.Now(), p.base.ID).Error
		if err != nil {
			return err
		}
		return auth.Changed(tx)
	})
	if err != nil {
		return nil, err
	}
	return resource.ShowAgain[policyRow](c)
}
