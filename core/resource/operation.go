package resource

import (
	"context"
	"io"

	"github.com/packhouse/packhouse/core/auth"
)

// Operation is one route as the machines see it: not generic, complete, deny by default.
type Operation struct {
	// ID is the operation id of the OpenAPI document, such as "repositories_file_file_list".
	ID string
	// Short is the end of ID in client bindings, such as "list"; empty where ID is irregular.
	Short string
	// Method is GET, POST, PUT, PATCH or DELETE.
	Method string
	// Route is the path below the API root, parameters in braces, such as "repositories/file/file/{id}/modify/".
	Route string
	// Doc says in a sentence what it does.
	Doc string
	// Tag groups operations in the OpenAPI document, such as "Repositories: File".
	Tag string
	// HrefName replaces everything up to the last parameter of Route in the OpenAPI document.
	HrefName string
	// Rule says who may; the zero rule is nobody.
	Rule auth.Rule
	// Policy and Action name what the access policy says about it; Model is the label of what it is about. Without a policy
	// Rule decides alone.
	Policy, Action, Model string
	// Params are the query and header parameters.
	Params []Param
	// Request describes the body, nil when none is looked at.
	Request *RequestDoc
	// Answers describes the answers by status; an empty schema name is an empty body.
	Answers map[int]AnswerDoc
	// Component adds schemas to the document.
	Components map[string]Schema
	// Site marks routes outside the domain, such as status/.
	Site bool

	// Open loads the object that the decision is about and names it; nil for operations on a list.
	Open func(c *Call) (object any, asked auth.Object, err error)
	// Parents notes the objects that the path leads through, by Call.Parent; may be nil. It runs after Open.
	Parents func(c *Call) error
	// Files receives the file parts of the body; nil: they become artifacts in waiting.
	Files       func(c *Call, name string, r io.Reader) (any, error)
	show, brief func(c *Call, m any) (*Answer, error)
	body        BodySchema
	// Handle does the work once the decision was yes.
	Handle func(c *Call) (*Answer, error)
}

// Param is a query or header parameter in the OpenAPI document.
type Param struct {
	Name     string
	In       string
	Schema   Schema
	Required bool
	Explode  bool
}

// RequestDoc describes a body.
type RequestDoc struct {
	Schema string
	// Multipart bodies carry a file; they have no JSON form.
	Multipart bool
}

// AnswerDoc describes an answer.
type AnswerDoc struct {
	Doc    string
	Schema string
}

// Answer is what a handler gives back.
type Answer struct {
	Status   int
	JSON     []byte
	Location string
	Cookies  []Cookie
	// Headers are further headers by name, such as how long caches may keep the answer.
	Headers map[string]string
	// Text is a body that is not JSON, of the media type Type.
	Text []byte
	Type string
	// Stream writes a body of the media type Type piece by piece, after the handler has returned. It is called exactly
	// once; for a HEAD with a context that has ended. The context ends when the server stops. A client that has left is
	// only told by errors of Write and Flush. An error breaks the connection off, so that no client takes a part for the
	// whole; it is logged.
	Stream func(ctx context.Context, to Flow) error
}

// Flow is the body of an answer as it goes out.
type Flow interface {
	io.Writer
	// Flush sends what was written.
	Flush() error
}

// Cookie is a cookie to set; an empty value removes it.
type Cookie struct {
	Name, Value string
	MaxAge      int
	HTTPOnly    bool
}

// Mountable is a declared resource.
type Mountable interface {
	// Kinds are what references to it look like.
	Register(r *Registry)
	// Mount gives its operations, and the tasks that work on it when a task is wanted.
	Mount(env *Env) []Operation
}
