package auth

import (
	"context"
	"fmt"
	"strings"
)

// Trace notes what a decision was made of, for those who ask why.
type Trace struct {
	Steps []Step
}

// Step is one thing that was looked at.
type Step struct {
	// Kind is "user", "token", "rule", "policy", "statement", "condition" or "authorizer".
	Kind string `json:"kind"`
	// Text says what was looked at, Result what came of it: "yes", "no" or "depends on the body".
	Text   string `json:"text"`
	Result string `json:"result"`
	// Because says why, where there is more to say.
	Because string `json:"because,omitempty"`
}

func (t *Trace) note(kind, text string, ok bool, because string) {
	if t == nil {
		return
	}
	t.Steps = append(t.Steps, Step{kind, text, verdictOf(ok).String(), because})
}

func verdictOf(ok bool) verdict {
	if ok {
		return yes
	}
	return no
}

// String says it in words.
func (v verdict) String() string {
	switch v {
	case yes:
		return "yes"
	case later:
		return "depends on the body"
	}
	return "no"
}

func (t *Trace) statement(policy string, s *Statement, said verdict) {
	if t == nil {
		return
	}
	text := fmt.Sprintf("%s: %s %s to %s", policy, s.Effect, strings.Join(s.Action, ", "), strings.Join(s.Principal, ", "))
	if len(s.Condition) > 0 {
		text += " if " + strings.Join(s.Condition, " and ")
	}
	t.Steps = append(t.Steps, Step{Kind: "statement", Text: text, Result: said.String()})
}

// condition notes a condition with the roles behind it.
func (t *Trace) condition(ctx context.Context, d *Decider, c condition, q Question, said verdict) {
	if t == nil {
		return
	}
	t.Steps = append(t.Steps, Step{Kind: "condition", Text: c.text, Result: said.String(), Because: d.because(ctx, c, q, said)})
}

func (d *Decider) because(ctx context.Context, c condition, q Question, said verdict) string {
	switch {
	case said == later:
		return "the body names the object"
	case !q.User.Scope.Allows(c.permission, q.Domain):
		return "the token is not for it"
	case q.User.IsSuperuser:
		return q.User.Username + " is a superuser"
	}
	targets, _ := c.targets(q)
	if len(targets) == 0 {
		return "the body names none"
	}
	var roles []string
	for _, target := range targets {
		behind, err := d.rolesBehind(ctx, q.User, c.permission, target)
		if err != nil {
			return "the roles could not be read"
		}
		roles = append(roles, behind...)
	}
	if len(roles) == 0 {
		return "no role gives it"
	}
	return strings.Join(roles, "; ")
}

// rolesBehind names the assignments that give a permission to the user.
func (d *Decider) rolesBehind(ctx context.Context, user *User, permission string, o Object) ([]string, error) {
	var rows []struct {
		Role, Domain, Model, Team string
	}
	key, groups := o.Key(), "a.group_id IN (SELECT group_id FROM core_group_users WHERE user_id = ?)"
	query := d.db.Read(ctx).Table("core_role_assignments a").Select("r.name AS role, COALESCE(d.name, '') AS domain, COALESCE(a.model, '') AS model, COALESCE(g.name, '') AS team").
		Joins("JOIN core_roles r ON r.id = a.role_id").Joins("JOIN core_role_permissions p ON p.role_id = a.role_id AND p.permission = ?", permission).
		Joins("LEFT JOIN core_domains d ON d.id = a.domain_id").Joins("LEFT JOIN core_groups g ON g.id = a.group_id").
		Where("(a.user_id = ? OR "+groups+")", user.ID, user.ID)
	if o.ID == "" {
		query = query.Where("a.model IS NULL")
	} else {
		query = query.Where("a.model IS NULL OR a.model = ? AND a.object_id = ?", o.Model, key)
	}
	if err := query.Order("r.name").Scan(&rows).Error; err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rows {
		text := "role " + r.Role
		switch {
		case r.Model != "":
			text += " on the object"
		case r.Domain != "":
			text += " in the domain " + r.Domain
		default:
			text += " everywhere"
		}
		if r.Team != "" {
			text += ", through the group " + r.Team
		}
		out = append(out, text)
	}
	return out, nil
}
