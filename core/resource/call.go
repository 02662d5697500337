package resource

import (
	"context"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/task"
)

// Call is one request on its way through an operation.
type Call struct {
	Env    *Env
	Domain string
	User   *auth.User
	// CID is the correlation id.
	CID string
	// Object is what the operation's Open loaded and the decision was about.
	Object any
	// Body is the decoded body.
	Body Body
	// Scheme and Host are the first parts of the address that the client asked for, as a trusted proxy says it.
	Scheme, Host string

	http    *fiber.Ctx
	viewer  *Viewer
	parents map[string]auth.Object
	// asked is the object that was decided on; pending that the decision waits for the body.
	asked   auth.Object
	pending bool
	context context.Context
	op      *Operation
	queries url.Values
	files   []Temporary
	// warning goes along with the answer 202.
	warning string
}

// NewCall wraps a request for an operation. ctx carries its deadline.
func NewCall(env *Env, op *Operation, c *fiber.Ctx, ctx context.Context, user *auth.User, domain, cid string) *Call {
	origin := task.Origin{CID: cid, DomainID: domain, Diagnostics: diagnostics(env, c)}
	if user != nil {
		origin.UserID, origin.Asker = &user.ID, user.Username
	}
	return &Call{Env: env, Domain: domain, User: user, CID: cid, http: c, op: op, context: task.WithOrigin(auth.WithUser(ctx, user), origin)}
}

// Context lives as long as the request may take.
func (c *Call) Context() context.Context { return c.context }

// Param is a path parameter.
func (c *Call) Param(name string) string { return c.http.Params(name) }

// Path is the path of the request.
func (c *Call) Path() string { return strings.Clone(c.http.Path()) }

// RawQuery is the query of the request as it was sent.
func (c *Call) RawQuery() string { return string(c.http.Request().URI().QueryString()) }

// Header is a request header.
func (c *Call) Header(name string) string { return strings.Clone(c.http.Get(name)) }

// Cookie is the value of a request cookie.
func (c *Call) Cookie(name string) string { return strings.Clone(c.http.Cookies(name)) }

// BaseURL is scheme and host as the client sees them.
func (c *Call) BaseURL() string { return c.Scheme + "://" + c.Host }

// Queries are the query parameters.
func (c *Call) Queries() url.Values {
	if c.queries == nil {
		c.queries = url.Values{}
		c.http.Context().QueryArgs().VisitAll(func(key, value []byte) { c.queries.Add(string(key), string(value)) })
	}
	return c.queries
}

// Query is the last value of a query parameter.
func (c *Call) Query(name string) string {
	values := c.Queries()[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// QueryList joins the values of a repeated or comma-separated parameter.
func (c *Call) QueryList(name string) []string {
	var list []string
	for _, value := range c.Queries()[name] {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
	}
	return list
}

// Input is what the fields of the body may look at.
func (c *Call) Input() *Input {
	in := c.Env.input(c.Context(), c.Env.DB.Read(c.Context()), c.Domain, c.Body.Form)
	in.Viewer, in.named = c.Viewer(), map[string]Object{}
	return in
}

// Show is a writer of the wire form.
func (c *Call) Show() *Show { return &Show{Names: c.Env.Names} }

// Accepted is the answer 202 with the href of a task.
func (c *Call) Accepted(t *task.Row) *Answer {
	s := c.Show()
	s.Raw(`{"task":`)
	s.Href("tasks/" + t.ID + "/")
	s.Raw("}")
	return &Answer{Status: 202, JSON: s.text, Headers: c.warnings()}
}

// AcceptedGroup is the answer 202 with the href of a task group.
func (c *Call) AcceptedGroup(id string) *Answer {
	s := c.Show()
	s.Raw(`{"task_group":`)
	s.Href("task-groups/" + id + "/")
	s.Raw("}")
	return &Answer{Status: 202, JSON: s.text}
}

// Temporary is something received that goes unless it was saved.
type Temporary interface{ Cancel() error }

// Discard throws something received away at the end of the call, unless it was saved.
func (c *Call) Discard(received Temporary) { c.files = append(c.files, received) }

// close throws away files that were received and not saved.
func (c *Call) close() {
	for _, file := range c.files {
		if err := file.Cancel(); err != nil {
			c.Env.Log.Warn("a received file could not be thrown away; the clean-up of temporary files takes it", "cid", c.CID, "error", err)
		}
	}
}
