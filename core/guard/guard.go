// Package guard has the core's own types of content guards: by role, by header, by signed address, and any of several.
//
// A guard decides about a request for content where the content server looks it up; see serve.Guard. What it cannot
// read or does not understand keeps the client out.
package guard

import (
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

// Resources are the types of guards.
func Resources() []resource.Mountable {
	return []resource.Mountable{byRole, composite, byAddress, byHeader}
}

func refused(format string, args ...any) error { return errs.New(errs.Forbidden, format, args...) }
