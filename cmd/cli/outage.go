package cli

import (
	"github.com/packhouse/packhouse/core/errs"
)

// outage is a time in which the database does not answer to a command that waits; it is said once when it begins.
type outage struct {
	c  *commands
	on bool
}

// keeps tells whether the database does not answer, so that it is to be asked again.
func (o *outage) keeps(err error) bool {
	if !errs.Is(err, errs.Unavailable) {
		o.on = false
		return false
	}
	if !o.on {
		o.c.say("packhouse: the database does not answer, it is asked again until it does\n")
	}
	o.on = true
	return true
}
