package config

import (
	"maps"
	"slices"
)

// GroupNames are the names of groups that settings give a meaning, beside access_policies: those that logins with a
// directory or a provider put people into, those that limits of tasks are for, and every text among the parameters of authorizers, since only an authorizer
// itself knows which of them are groups. Secrets are left out. A source that cannot be read is Invalid.
func (s Settings) GroupNames() (map[string]bool, error) {
	names := map[string]bool{}
	for _, local := range s.Authentication.LDAP.GroupMap {
		names[local] = true
	}
	for group := range s.TaskLimits.Groups {
		names[group] = true
	}
	for _, provider := range s.Authentication.OIDC {
		groups, err := provider.TextMap("groups")
		if err != nil {
			return nil, err
		}
		for _, local := range groups {
			names[local] = true
		}
	}
	for _, authorizer := range s.Authorizers {
		for _, name := range slices.Sorted(maps.Keys(authorizer.Parameters)) {
			if err := gatherTexts(authorizer.Parameters[name], hides(name), names); err != nil {
				return nil, authorizer.fault(name, err)
			}
		}
	}
	return names, nil
}

// gatherTexts adds all texts in a parameter, keys among them; hidden tells that its name speaks of a secret.
func gatherTexts(value any, hidden bool, into map[string]bool) error {
	switch v := value.(type) {
	case string:
		into[v] = true
	case Source:
		if hidden {
			return nil
		}
		text, err := v.read()
		if err != nil {
			return err
		}
		into[text] = true
	case []any:
		for _, item := range v {
			if err := gatherTexts(item, hidden, into); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, item := range v {
			into[key] = true
			if err := gatherTexts(item, hidden || hides(key), into); err != nil {
				return err
			}
		}
	}
	return nil
}
