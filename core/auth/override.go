package auth

import (
	"encoding/json"

	"github.com/packhouse/packhouse/core/errs"
)

// ReadPolicies reads policies as settings write them: by the name of the endpoint, each with statements, creation_hooks
// and queryset_scoping. A member that is left out keeps what is declared; one that is not known is Invalid.
func ReadPolicies(settings map[string]any, declared *Declared) (map[string]*Policy, error) {
	policies := map[string]*Policy{}
	for name, tree := range settings {
		base := declared.policies[name]
		if base == nil {
			return nil, errs.New(errs.Invalid, "access_policies: there is no endpoint %q; the names are those of the list access_policies/", name)
		}
		members, ok := tree.(map[string]any)
		if !ok {
			return nil, errs.New(errs.Invalid, "access_policies: %s: expected statements, creation_hooks or queryset_scoping below it", name)
		}
		p := *base
		for member, value := range members {
			if err := p.set(member, value); err != nil {
				return nil, errs.New(errs.Invalid, "access_policies: %s: %s: %w", name, member, err)
			}
		}
		policies[name] = &p
	}
	return policies, nil
}

func (p *Policy) set(member string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	switch member {
	case "statements":
		p.Statements = nil
		return json.Unmarshal(text, &p.Statements)
	case "creation_hooks":
		p.Hooks = nil
		return json.Unmarshal(text, &p.Hooks)
	case "queryset_scoping":
		p.Scoping = nil
		return json.Unmarshal(text, &p.Scoping)
	}
	return errs.New(errs.Invalid, "it is not known; write statements, creation_hooks or queryset_scoping")
}
