package resource

import (
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
)

// Serve takes a call through its operation: load, decide, read the body, handle. This is the one place that asks for a
// decision, and it asks about the very object that the handler gets. Where the decision depends on what the body names,
// settle asks again before anything is done.
func (c *Call) Serve() (*Answer, error) {
	defer c.close()
	if err := c.Allow(nil); err != nil {
		return nil, err
	}
	if c.op.Request == nil { // then nothing is named in it
		if err := c.settle(&Input{}); err != nil {
			return nil, err
		}
		return c.op.Handle(c)
	}
	if err := c.readBody(); err != nil {
		return nil, err
	}
	return c.op.Handle(c)
}

// Allow loads the object of the call and decides whether the user may go on; trace notes why and may be nil.
func (c *Call) Allow(trace *auth.Trace) error {
	if err := c.decideEarly(trace); err != nil {
		return err
	}
	if c.op.Open != nil {
		var err error
		if c.Object, c.asked, err = c.op.Open(c); err != nil {
			return err
		}
		audit.From(c.Context()).Object(c.asked.PRN())
	}
	if c.op.Parents != nil {
		if err := c.op.Parents(c); err != nil {
			return err
		}
	}
	return c.decide(c.asked, nil, trace)
}

// Parent notes an object that the path leads through, for the conditions of policies about it.
func (c *Call) Parent(relation string, o auth.Object) {
	if c.parents == nil {
		c.parents = map[string]auth.Object{}
	}
	c.parents[relation] = o
}

// decideEarly sends anonymous callers to log in before anything is looked up, and others away from what is for superusers
// alone, so that they learn nothing about what exists.
func (c *Call) decideEarly(trace *auth.Trace) error {
	forAdmins := c.op.Policy == "" && c.op.Rule == auth.Superusers
	if c.op.Rule == auth.Anyone || c.User != nil && (!forAdmins || c.User.IsSuperuser && c.User.Scope == nil) {
		return nil
	}
	return c.decide(auth.Object{}, nil, trace)
}

func (c *Call) decide(o auth.Object, payload auth.Payload, trace *auth.Trace) (err error) {
	c.pending, err = c.Env.Decider.Decide(c.Context(), auth.Question{
		User: c.User, Rule: c.op.Rule, Policy: c.op.Policy, Action: c.op.Action, Model: c.op.Model, Object: o, Domain: c.Domain,
		Parents: c.parents, Payload: payload, Trace: trace,
	})
	return err
}

// settle decides again, now that the body was read, where the decision depends on what it names.
func (c *Call) settle(in *Input) error {
	if !c.pending {
		return nil
	}
	named, err := in.payload()
	if err != nil {
		return err
	}
	return c.decide(c.asked, func(member string) (auth.Object, bool) {
		o, found := named[member]
		return o, found
	}, nil)
}

// settled fails what would act on a decision that was never made.
func (c *Call) settled() error {
	if c.pending {
		return errs.New(errs.Internal, "%s acts before it has read the body that its access policy asks about", c.op.ID)
	}
	return nil
}

// payload gives what the body names; a version stands for its repository.
func (in *Input) payload() (map[string]auth.Object, error) {
	named := map[string]auth.Object{}
	for member, o := range in.named {
		if o.Kind.Model != versionModel {
			named[member] = o.Access()
			continue
		}
		var rows []struct{ ID, PulpType string }
		err := in.DB.WithContext(in.Context).Table("core_repositories r").Select("r.id, r.pulp_type").
			Joins("JOIN core_repository_versions v ON v.repository_id = r.id").Where("v.id = ?", o.ID).Limit(1).Scan(&rows).Error
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			kind, _ := in.Registry.ByType("repositories", r.PulpType)
			named[member] = auth.Object{Model: kind.Model, ID: r.ID}
		}
	}
	return named, nil
}

// versionModel is the label of repository versions.
const versionModel = "core.repositoryversion"

// scoping tells whether the policy of the endpoint limits what is seen there.
func (c *Call) scoping() (bool, error) {
	if c.op == nil || c.op.Policy == "" {
		return true, nil
	}
	return c.Env.Decider.Scoped(c.Context(), c.User, c.op.Policy)
}
