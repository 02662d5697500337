package app

import (
	"maps"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
)

// Authorizers makes the instances that operators ordered, of the types of the enabled apps. An unknown type and wrong
// parameters are Invalid and name the instance.
func (r *Registry) Authorizers(instances []config.Instance) ([]auth.NamedAuthorizer, error) {
	types := map[string]MakeAuthorizer{}
	for _, a := range r.enabled {
		maps.Copy(types, a.Authorizers)
	}
	var out []auth.NamedAuthorizer
	for _, i := range instances {
		make, known := types[i.Type]
		if !known {
			return nil, errs.New(errs.Invalid, "authorizers: %s: there is no type %q; use %s", i.Name, i.Type, strings.Join(slices.Sorted(maps.Keys(types)), ", "))
		}
		authorizer, err := make(i)
		if err != nil {
			return nil, errs.New(errs.Invalid, "authorizers: %s: %w", i.Name, err)
		}
		out = append(out, auth.NamedAuthorizer{Name: i.Name, Authorizer: authorizer})
	}
	return out, nil
}
