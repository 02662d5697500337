package auth

import (
	"fmt"
	"strings"
)

// Rule is what a route demands of the one who asks. It is declared for each verb; the zero Rule is Nobody.
type Rule string

// The rules without a permission; the others are made by Permission.
const (
	// Nobody denies everybody, superusers too.
	Nobody Rule = ""
	// Anyone lets everybody in, without log-in.
	Anyone Rule = "anyone"
	// Authenticated lets every active user in.
	Authenticated Rule = "authenticated"
	// Superusers lets superusers in; tokens with a scope are not enough.
	Superusers Rule = "admin"
)

// Permission lets users in who have the permission, by its wire name such as "core.view_artifact", and superusers.
// It panics on a name that is not an app label and a code name with a dot between.
func Permission(name string) Rule {
	rule := Rule(name)
	if _, ok := rule.Permission(); !ok {
		panic(fmt.Sprintf("auth.Permission: %q is not a permission; write it like core.view_artifact", name))
	}
	return rule
}

// Permission gives the name of the permission that the rule demands; ok is false when it demands none.
func (r Rule) Permission() (name string, ok bool) {
	app, code, ok := strings.Cut(string(r), ".")
	if !ok || !isLabel(app) || !isLabel(code) {
		return "", false
	}
	return string(r), true
}

func isLabel(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_'
	})
}
