package resource

import (
	"github.com/packhouse/packhouse/core/auth"
)

// Serve takes a call through its operation: load, decide, read the body, handle. This is the one place that asks for a
// decision, and it asks about the very object that the handler gets.
func (c *Call) Serve() (*Answer, error) {
	defer c.close()
	if err := c.decideEarly(); err != nil {
		return nil, err
	}
	prn := ""
	if c.op.Open != nil {
		var err error
		if c.Object, prn, err = c.op.Open(c); err != nil {
			return nil, err
		}
	}
	if err := c.decide(prn); err != nil {
		return nil, err
	}
	if c.op.Request != nil {
		if err := c.readBody(); err != nil {
			return nil, err
		}
	}
	return c.op.Handle(c)
}

// decideEarly sends anonymous callers to log in before anything is looked up, so that they learn nothing about what
// exists.
func (c *Call) decideEarly() error {
	if c.User != nil || c.op.Open == nil {
		return nil
	}
	return c.decide("")
}

func (c *Call) decide(prn string) error {
	return c.Env.Decider.Decide(c.Context(), auth.Question{User: c.User, Rule: c.op.Rule, Object: prn, Domain: c.Domain})
}
