package auth

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// Policy says who may do what at an endpoint. It is derived from what a resource declares and can be edited: in the
// settings, and as a row of access_policies over REST.
type Policy struct {
	// Name is the endpoint's path below the API root without parameters, such as "repositories/file/file/versions".
	Name       string
	Statements []Statement
	Hooks      []Hook
	// Scoping says what limits lists and look-ups; nil leaves them to the statements alone.
	Scoping *Function
}

// Statement allows or denies actions to principals while all conditions hold. Access is granted when a statement
// allows it and none denies it.
type Statement struct {
	Action    Texts
	Principal Texts
	Effect    string
	Condition Texts
}

// The effects of statements.
const (
	Allow = "allow"
	Deny  = "deny"
)

// The principals of statements; others name one user ("id:<number>") or the members of a group ("group:<name>").
const (
	PrincipalUsers = "authenticated"
	PrincipalAdmin = "admin"
)

// Function names a function with its parameters.
type Function struct {
	Function   string         `json:"function"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

// UnmarshalJSON reads the form of the contract; members that it does not know, or in another case, are errors.
func (f *Function) UnmarshalJSON(raw []byte) error {
	type plain Function // without this method
	var w plain
	if err := decodeExactly(raw, &w, "function", "parameters"); err != nil {
		return err
	}
	*f = Function(w)
	return nil
}

// Hook gives roles when an object is created.
type Hook = Function

// The functions that hooks and scoping may name (rest-contract §1.18).
const (
	HookCreator  = "add_roles_for_object_creator"
	HookUsers    = "add_roles_for_users"
	HookGroups   = "add_roles_for_groups"
	ScopeVisible = "scope_queryset"
)

// Texts is one text or a list of them, as policies write both.
type Texts []string

// UnmarshalJSON reads a text, a list of texts or null.
func (t *Texts) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil && string(raw) != "null" {
		*t = Texts{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

// MarshalJSON writes one text as it is, several as a list.
func (t Texts) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// wireStatement is a statement as the REST API shows it.
type wireStatement struct {
	Action    []string `json:"action"`
	Principal Texts    `json:"principal"`
	Effect    string   `json:"effect"`
	Condition Texts    `json:"condition,omitempty"`
}

// MarshalJSON writes the form of the contract: actions always as a list.
func (s Statement) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireStatement{s.Action, s.Principal, s.Effect, s.Condition})
}

// UnmarshalJSON reads the form of the contract; members that it does not know, or in another case, are errors.
func (s *Statement) UnmarshalJSON(raw []byte) error {
	var w struct {
		Action    Texts  `json:"action"`
		Principal Texts  `json:"principal"`
		Effect    string `json:"effect"`
		Condition Texts  `json:"condition"`
	}
	if err := decodeExactly(raw, &w, "action", "principal", "effect", "condition"); err != nil {
		return err
	}
	*s = Statement(w)
	return nil
}

// Check looks whether a policy can be followed: known effects, principals, conditions, hooks and scoping. What it does not
// understand it refuses, for a condition that nobody knows would otherwise be a rule that nobody follows.
func (p *Policy) Check() error {
	for i := range p.Statements {
		if err := p.Statements[i].check(); err != nil {
			return err
		}
	}
	for _, h := range p.Hooks {
		if err := checkHook(h); err != nil {
			return err
		}
	}
	if p.Scoping != nil && p.Scoping.Function != ScopeVisible {
		return errs.Field("queryset_scoping", "%q is no function to scope lists by; use %q or null.", p.Scoping.Function, ScopeVisible)
	}
	return nil
}

func (s *Statement) check() error {
	fault := func(format string, args ...any) error { return errs.Field("statements", format, args...) }
	if s.Effect != Allow && s.Effect != Deny {
		return fault("The effect of a statement is %q or %q, not %q.", Allow, Deny, s.Effect)
	}
	if len(s.Action) == 0 || len(s.Principal) == 0 {
		return fault("A statement needs an action and a principal.")
	}
	for _, p := range s.Principal {
		if !knownPrincipal(p) {
			return fault("%q is no principal; use %q, %q, \"id:<number>\" or \"group:<name>\".", p, PrincipalUsers, PrincipalAdmin)
		}
	}
	for _, text := range s.Condition {
		if _, err := parseCondition(text); err != nil {
			return fault("%s", err)
		}
	}
	return nil
}

func knownPrincipal(p string) bool {
	if p == PrincipalUsers || p == PrincipalAdmin {
		return true
	}
	if name, ok := strings.CutPrefix(p, "group:"); ok {
		return name != ""
	}
	number, ok := strings.CutPrefix(p, "id:")
	n, err := strconv.ParseInt(number, 10, 64)
	return ok && err == nil && n > 0 && strconv.FormatInt(n, 10) == number // any other form would never be met
}

func checkHook(h Hook) error {
	want := map[string][]string{HookCreator: {"roles"}, HookUsers: {"roles", "users"}, HookGroups: {"roles", "groups"}}[h.Function]
	if want == nil {
		return errs.Field("creation_hooks", "%q is no creation hook; use %s, %s or %s.", h.Function, HookCreator, HookUsers, HookGroups)
	}
	for name := range h.Parameters {
		if !slices.Contains(want, name) {
			return errs.Field("creation_hooks", "%s takes no parameter %q.", h.Function, name)
		}
	}
	for _, name := range want {
		if len(hookTexts(h, name)) == 0 {
			return errs.Field("creation_hooks", "%s needs the parameter %q, a text or a list of texts.", h.Function, name)
		}
	}
	return nil
}

// hookTexts gives a parameter that is a text or a list of texts; nil when it is neither.
func hookTexts(h Hook, name string) []string {
	switch v := h.Parameters[name].(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		var texts []string
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil
			}
			texts = append(texts, text)
		}
		return texts
	}
	return nil
}

// concerns tells whether the statement is about an action.
func (s *Statement) concerns(action string) bool {
	return slices.Contains(s.Action, action) || slices.Contains(s.Action, "*")
}
