package resource

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/ident"
)

// Action is an operation of a resource beyond the standard ones.
type Action[M any] struct {
	// Verb is the last segment of the route and the end of the operation id.
	Verb Verb
	// Method is POST when empty.
	Method string
	// OnSelf puts the action on the object's own path, for a method that has a meaning of its own there.
	OnSelf bool
	// Params are parameters beyond those that every operation has.
	Params []Param
	// Files receives the file parts of the body in the action's own way.
	Files func(c *Call, m *M, r io.Reader) (any, error)
	// OnList puts the action on the list instead of an object.
	OnList bool
	// ID replaces the operation id where the contract's is irregular.
	ID string
	// Doc says in a sentence what it does.
	Doc string
	// Access is the verb whose rule applies, the action's own when empty.
	Access Verb
	// Body describes and reads the body; nil when the action takes none.
	Body BodySchema
	// Answers describes the answers by status.
	Answers map[int]AnswerDoc
	// Components adds schemas to the document.
	Components map[string]Schema
	// Handle does the work; m is nil on lists.
	Handle func(c *Call, m *M) (*Answer, error)
}

// BodySchema describes and reads a body. See Accepts.
type BodySchema interface {
	request() *RequestDoc
	component() (string, Schema)
	// settle reads the body for nothing but the decision.
	settle(c *Call) error
}

// Accepts declares a body of type B by its fields.
type Accepts[B any] struct {
	// Component is the name in the OpenAPI document.
	Component string
	Fields    []Field[B]
	// Lenient lets unknown members pass, where the contract does.
	Lenient bool
	// Check looks at the whole body.
	Check func(in *Input, b *B) error
}

// Read decodes and checks the body of a call.
func (a Accepts[B]) Read(c *Call) (*B, error) {
	b := new(B)
	in := c.Input()
	if err := decode(in, a.Fields, c.Body, b, create, a.Lenient); err != nil {
		return nil, err
	}
	if a.Check != nil {
		if err := a.Check(in, b); err != nil {
			return nil, err
		}
	}
	return b, c.settle(in)
}

func (a Accepts[B]) settle(c *Call) error { _, err := a.Read(c); return err }

func (a Accepts[B]) request() *RequestDoc {
	return &RequestDoc{Schema: a.Component, Multipart: slices.ContainsFunc(a.Fields, func(f Field[B]) bool { return f.file })}
}

func (a Accepts[B]) component() (string, Schema) {
	return a.Component, requestSchema(a.Fields, strings.HasPrefix(a.Component, "Patched"))
}

// Register makes the resource known to references.
func (d Of[M]) Register(r *Registry) {
	(&d).named()
	if d.Source.NoDomain {
		r.Share(d.Path)
	}
	if d.Base == nil && !d.Source.Numbered || d.Unaddressed || strings.Contains(d.Path, "{") {
		return
	}
	table := d.Source.Table
	if d.Source.Master != "" {
		table = d.Source.Master
	}
	r.Add(Kind{Path: d.Path, Model: d.Model, Type: d.Type, Table: table, Numbered: d.Source.Numbered, NoDomain: d.Source.NoDomain, Sees: d.sees()})
}

// Mount gives the operations that the declaration stands for.
func (d Of[M]) Mount(env *Env) []Operation {
	p := (&d).named().prepare(env)
	env.offerTasks(d.Path, p)
	env.nameHref(d.Path, d.HrefName)
	env.Seals(d.sealed()...)
	if d.Shareable {
		d.Actions, d.Access = slices.Concat(d.Actions, p.roleActions()), maps.Clone(d.Access)
		d.Access[manageRoles] = auth.Permission(p.permission("manage_roles"))
		p.Of = &d
	}
	p.declareAccess()
	var ops []Operation
	for i := range d.Actions { // first, for a router to prefer their words to the keys of objects
		ops = append(ops, p.actionOperation(&d.Actions[i]))
	}
	for _, standard := range []struct {
		verb  Verb
		build func() []Operation
	}{{List, p.listOperation}, {Create, p.createOperation}, {Read, p.readOperation}, {Update, p.updateOperations}, {Delete, p.deleteOperation}} {
		if d.offers(standard.verb) {
			ops = append(ops, standard.build()...)
		}
	}
	return ops
}

func (p *prepared[M]) operation(id, method string, verb Verb, onList bool) Operation {
	op := Operation{ID: operationPrefix(p.Path) + "_" + id, Short: id, Method: method, Route: p.Path + "/", Tag: tagOf(p.Path), Rule: p.Access[verb], Components: p.components(),
		Action: standardAction(id), Model: p.Model, Parents: p.Parents}
	if !p.AdminOnly {
		op.Policy = PolicyName(p.Path)
	}
	if strings.Contains(p.Path, "{") {
		op.HrefName = p.parentHrefName()
	}
	if !onList {
		op.Route += "{" + p.keyName() + "}/"
		op.HrefName = p.HrefName
		op.Open = p.open
	}
	return op
}

// standardAction is the name of a standard operation in policies.
func standardAction(id string) string {
	switch id {
	case "read":
		return actionRead
	case "delete":
		return actionDestroy
	}
	return id
}

// open loads the object that a route names.
func (p *prepared[M]) open(c *Call) (any, auth.Object, error) {
	m, err := p.find(c)
	if err != nil {
		return nil, auth.Object{}, err
	}
	return m, p.access(m), nil
}

// access is the object as decisions name it.
func (p *prepared[M]) access(m *M) auth.Object {
	if p.id(m) == "" {
		return auth.Object{}
	}
	return auth.Object{Model: p.Model, ID: p.id(m)}
}

func (p *prepared[M]) prn(m *M) string { return p.access(m).PRN() }

// id is the identity of a row as text; "" where it has none.
func (p *prepared[M]) id(m *M) string {
	switch {
	case p.ID != nil:
		return p.ID(m)
	case p.Base != nil:
		return p.Base(m).ID
	}
	return ""
}

// rowID is the identity as the table keeps it.
func (p *prepared[M]) rowID(m *M) any { return Kind{Numbered: p.Source.Numbered}.key(p.id(m)) }

func (p *prepared[M]) find(c *Call) (*M, error) {
	conds, err := p.scope(c)
	if err != nil {
		return nil, err
	}
	key, err := p.keyCond(c.Param(p.keyName()))
	if err != nil {
		return nil, err
	}
	c.Viewer().single = true
	seen, err := p.seen(c)
	c.Viewer().single = false
	if err != nil {
		return nil, err
	}
	return p.one(c.Context(), c.Env.DB.Read(c.Context()), c.Viewer(), all(append(conds, key, seen)))
}

func (p *prepared[M]) keyName() string {
	if p.Key == "" {
		return "id"
	}
	return p.Key[strings.IndexByte(p.Key, '.')+1:]
}

func (p *prepared[M]) keyCond(value string) (Cond, error) {
	if p.Key != "" || p.Source.Numbered {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != value { // one object has one path
			return Cond{}, notFound()
		}
		return Cond{SQL: cmp.Or(p.Key, p.key) + " = ?", Args: []any{n}}, nil
	}
	id, ok := ident.Parse(value)
	if !ok {
		return Cond{}, notFound()
	}
	return Cond{SQL: p.key + " = ?", Args: []any{id}}, nil
}

func (p *prepared[M]) actionOperation(a *Action[M]) Operation {
	method := a.Method
	if method == "" {
		method = "POST"
	}
	op := p.operation(string(a.Verb), method, a.access(), a.OnList)
	op.Action = a.policyAction()
	if !a.OnSelf {
		op.Route += string(a.Verb) + "/"
	}
	op.Params = a.Params
	if a.Files != nil {
		op.Files = func(c *Call, _ string, r io.Reader) (any, error) { return a.Files(c, c.Object.(*M), r) }
	}
	op.show = func(c *Call, m any) (*Answer, error) {
		return &Answer{Status: 200, JSON: p.object(c.Env.Names, m.(*M), c.selection(p.Minimal))}, nil
	}
	op.brief = func(c *Call, m any) (*Answer, error) {
		s := c.Show()
		p.writeRow(s, m.(*M), c.selection(p.Minimal))
		return &Answer{Status: 200, JSON: s.text}, nil
	}
	if a.ID != "" {
		op.ID, op.Short = a.ID, ""
	}
	op.Doc, op.Answers = a.Doc, a.Answers
	if a.Body != nil {
		op.Request, op.body = a.Body.request(), a.Body
		name, schema := a.Body.component()
		op.Components = maps.Clone(op.Components)
		op.Components[name] = schema
	}
	maps.Copy(op.Components, a.Components)
	op.Handle = func(c *Call) (*Answer, error) {
		if c.pending && a.Body != nil { // for actions that read their body in a way of their own, or not at all
			if err := a.Body.settle(c); err != nil {
				return nil, err
			}
		}
		m, _ := c.Object.(*M)
		return a.Handle(c, m)
	}
	return op
}

// ShowBrief answers an action with an object as lists show it.
func ShowBrief[M any](c *Call, m *M) (*Answer, error) { return c.op.brief(c, m) }

// ShowAgain answers an action with its object as it is now.
func ShowAgain[M any](c *Call) (*Answer, error) {
	m, _, err := c.op.Open(c)
	if err != nil {
		return nil, err
	}
	return c.op.show(c, m)
}

func (p *prepared[M]) mustAllow(verb Verb) {
	if _, declared := p.Access[verb]; !declared {
		panic(fmt.Sprintf("%s offers %s and declares no access to it", p.Path, verb))
	}
}

var _ Mountable = Of[struct{}]{}
