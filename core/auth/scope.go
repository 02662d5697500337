package auth

import (
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/ident"
)

// Scope is what a token may be used for, whatever its user may do. The zero Scope allows nothing.
type Scope struct {
	// Permissions are patterns over permission names: each part may be "*" or end in it, as in "file.view_*" or "*.*".
	Permissions []string `json:"permissions"`
	// Domains are the identities of the domains that it is good for; none means all.
	Domains []string `json:"domains,omitempty"`
	// Objects are PRNs; when there are any, nothing but these can be reached.
	Objects []string `json:"objects,omitempty"`
}

// Allows tells whether the permission is in the scope, in a domain ("" where none is concerned).
func (s *Scope) Allows(permission, domain string) bool {
	if s == nil {
		return true
	}
	return s.reaches(domain) && s.names(permission)
}

func (s *Scope) reaches(domain string) bool {
	if len(s.Domains) == 0 || domain == "" {
		return true
	}
	return slices.Contains(s.Domains, domain)
}

func (s *Scope) names(permission string) bool {
	app, code, _ := strings.Cut(permission, ".")
	for _, pattern := range s.Permissions {
		wantApp, wantCode, two := strings.Cut(pattern, ".")
		if two && fits(wantApp, app) && fits(wantCode, code) {
			return true
		}
	}
	return false
}

// fits compares a part of a permission with one of a pattern.
func fits(pattern, text string) bool {
	if start, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(text, start)
	}
	return pattern == text
}

// covers tells whether what is asked is about one of the objects that the scope is limited to. Lists pass: they are
// limited where they are made.
func (s *Scope) covers(q Question) bool {
	if s == nil || len(s.Objects) == 0 {
		return true
	}
	if q.Object.ID == "" && (q.Action == "list" || q.Policy == "" && q.Rule == Authenticated) {
		return true
	}
	for _, relation := range []string{relParent, relGroup} { // what merely hangs on the object does not open it
		if o, found := q.Parents[relation]; found && s.includes(o) {
			return true
		}
	}
	return s.includes(q.Object)
}

// includes tells whether the scope is limited to no objects, or to some and the object is one of them.
func (s *Scope) includes(o Object) bool {
	return s == nil || len(s.Objects) == 0 || o.ID != "" && slices.Contains(s.Objects, o.PRN())
}

// only gives the identities of the objects of a model that the scope is limited to; nil when it is not limited.
func (s *Scope) only(model string) []string {
	if s == nil || len(s.Objects) == 0 {
		return nil
	}
	ids := []string{}
	for _, prn := range s.Objects {
		if label, id, err := ident.ParsePRN(prn); err == nil && label == model {
			ids = append(ids, id)
		}
	}
	return ids
}

// unconditional tells whether a statement without conditions may allow what is asked: a token's limits then still have to
// name the permission that the operation is declared with. Lists are limited where they are made.
func (s *Scope) unconditional(statement *compiledStatement, q Question) bool {
	permission, named := q.Rule.Permission()
	if s == nil || len(statement.conditions) > 0 || q.Action == "list" || !named {
		return true
	}
	return s.Allows(permission, q.Domain)
}
