package resource

import (
	"strings"

	"github.com/packhouse/packhouse/core/auth"
)

// Standalone is one operation on no object and no list, such as a repair of everything.
type Standalone struct {
	// ID is the operation id of the OpenAPI document, Short its end in client bindings, Method the HTTP method, Route the
	// path below the API root.
	ID, Short, Method, Route string
	// Tag groups operations in the OpenAPI document, Doc says in a sentence what this one does.
	Tag, Doc string
	Rule     auth.Rule
	// Body describes the body; nil when none is taken.
	Body BodySchema
	// Answers describes the answers by status.
	Answers map[int]AnswerDoc
	Handle  func(c *Call) (*Answer, error)
}

// Register adds nothing: no reference leads to an operation.
func (Standalone) Register(*Registry) {}

// Mount gives the operation.
func (s Standalone) Mount(env *Env) []Operation {
	short, _ := strings.CutPrefix(s.ID, operationPrefix(strings.TrimSuffix(s.Route, "/"))+"_")
	op := Operation{ID: s.ID, Short: short, Method: s.Method, Route: s.Route, Tag: s.Tag, Doc: s.Doc, Rule: s.Rule, Answers: s.Answers, Handle: s.Handle}
	if permission, ok := s.Rule.Permission(); ok {
		label, known := env.modelNamed(permission)
		if !known { // it is about no objects, such as core.delete_orphans
			app, _, _ := strings.Cut(permission, ".")
			label = app + "." + permission[strings.LastIndexByte(permission, '_')+1:]
		}
		env.declared().Permission(permission, label)
		op.Model, op.Action = label, short // for authorizers; it has no policy of its own
	}
	if s.Body != nil {
		name, schema := s.Body.component()
		op.Request, op.body, op.Components = s.Body.request(), s.Body, map[string]Schema{name: schema}
	}
	return []Operation{op}
}

var _ Mountable = Standalone{}
