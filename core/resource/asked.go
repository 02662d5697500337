package resource

import "github.com/packhouse/packhouse/core/auth"

// Asked is the object that was decided on, and whether the decision waits for what the body names. It counts after Allow.
func (c *Call) Asked() (o auth.Object, pending bool) { return c.asked, c.pending }
