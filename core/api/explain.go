package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

// Outcome is what a request would meet before its body is looked at.
type Outcome string

// The outcomes. Hidden and Missing are both answered as 404: only one who may know is told which of them it is.
const (
	Allowed Outcome = "allowed"
	// Depends: it is decided when the body has been read.
	Depends      Outcome = "depends on the body"
	Refused      Outcome = "forbidden"
	Hidden       Outcome = "hidden"
	Missing      Outcome = "missing"
	NoRoute      Outcome = "no route"
	NotLoggedIn  Outcome = "not logged in"
	CannotDecide Outcome = "undecided"
)

// Explanation tells what a request of a user would come to, and why.
type Explanation struct {
	User      string      `json:"user"`
	Method    string      `json:"method"`
	Path      string      `json:"path"`
	Operation string      `json:"operation,omitempty"`
	Policy    string      `json:"policy,omitempty"`
	Action    string      `json:"action,omitempty"`
	Rule      string      `json:"rule,omitempty"`
	Object    string      `json:"object,omitempty"`
	Outcome   Outcome     `json:"outcome"`
	Because   string      `json:"because"`
	Steps     []auth.Step `json:"steps"`
}

// Explain decides a request as it would be decided and does nothing else. user is nil for one without credentials. The
// error tells what kept it from deciding.
func (s *Server) Explain(ctx context.Context, user *auth.User, method, path string) (Explanation, error) {
	e := Explanation{User: "anonymous", Method: strings.ToUpper(method), Path: path, Outcome: NoRoute, Because: "no operation has this method and path", Steps: []auth.Step{}}
	if user != nil {
		e.User = user.Username
	}
	failure, err := s.rehearse(ctx, user, &e)
	if err != nil {
		return e, err
	}
	if e.Outcome != Missing {
		return e, failure
	}
	return e, s.tellHidden(ctx, user, &e)
}

// tellHidden finds out whether what the user does not find is there for others.
func (s *Server) tellHidden(ctx context.Context, user *auth.User, e *Explanation) error {
	e.Because = "there is nothing at this path"
	all := auth.User{Username: "everything", IsActive: true, IsSuperuser: true}
	if user != nil {
		all.ID = user.ID
	}
	again := Explanation{Method: e.Method, Path: e.Path}
	if _, err := s.rehearse(ctx, &all, &again); err != nil {
		return err
	}
	if again.Outcome != Missing {
		e.Outcome, e.Object = Hidden, again.Object
		e.Because = "it is there, and " + e.User + " may not see it: no role gives the permission to view it"
	}
	return nil
}

// rehearse sends the request through a router of its own, whose handlers decide and do no more.
func (s *Server) rehearse(ctx context.Context, user *auth.User, e *Explanation) (failure, err error) {
	app := fiber.New(Config())
	for i := range s.operations {
		op := &s.operations[i]
		handle := func(c *fiber.Ctx) error {
			if strings.HasSuffix(op.Route, "/") == strings.HasSuffix(c.Path(), "/") {
				failure = s.explain(ctx, c, op, user, e)
			}
			return nil
		}
		for _, root := range s.roots(op) {
			app.Add(op.Method, strings.NewReplacer("{", ":", "}", "").Replace(root+op.Route), handle)
		}
	}
	method := e.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(ctx, method, e.Path, http.NoBody)
	if err != nil {
		return nil, errs.New(errs.Invalid, "read the path %q: %w; write it as in a request, such as /pulp/api/v3/tasks/", e.Path, err)
	}
	answer, err := app.Test(request, -1)
	if err != nil {
		return nil, fmt.Errorf("decide %s %s: %w", e.Method, e.Path, err)
	}
	return failure, answer.Body.Close()
}

func (s *Server) explain(ctx context.Context, c *fiber.Ctx, op *resource.Operation, user *auth.User, e *Explanation) error {
	e.Operation, e.Policy, e.Action, e.Rule = op.ID, op.Policy, op.Action, string(op.Rule)
	env, domain, err := s.inDomain(ctx, c, op, user)
	trace, pending := new(auth.Trace), false
	if err == nil {
		var asked auth.Object
		call := resource.NewCall(env, op, c, ctx, user, domain, "")
		err = call.Allow(trace)
		asked, pending = call.Asked()
		e.Object = asked.PRN()
	}
	e.Steps = append(e.Steps, trace.Steps...)
	switch {
	case err == nil && pending:
		e.Outcome, e.Because = Depends, "the body names objects that conditions ask about"
	case err == nil:
		e.Outcome, e.Because = Allowed, "all of it says yes"
	case errs.Is(err, errs.Forbidden):
		e.Outcome, e.Because = Refused, err.Error()
	case errs.Is(err, errs.Unauthenticated):
		e.Outcome, e.Because = NotLoggedIn, err.Error()
	case errs.Is(err, errs.NotFound):
		e.Outcome = Missing
	default:
		e.Outcome, e.Because = CannotDecide, err.Error()
		return err
	}
	return nil
}
