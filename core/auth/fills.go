package auth

import (
	"slices"
	"strings"
)

// fills tells whether an action puts what it makes into a repository that its body names, by what is declared: an edited
// policy may ask about less, and the repository changes all the same.
func (d *Declared) fills(policy, action string) bool {
	p := d.policies[policy]
	return p != nil && slices.ContainsFunc(p.Statements, func(s Statement) bool {
		return s.concerns(action) && slices.ContainsFunc(s.Condition, func(c string) bool { return strings.HasPrefix(c, uploadCondition+":") })
	})
}

// concerned are the questions that authorizers are asked about a request: what is asked for, and where that changes a
// repository that the body names, whether that one may be modified.
func (d *Decider) concerned(q Question) []Question {
	all := []Question{q}
	if q.Payload == nil || !d.declared.fills(q.Policy, q.Action) {
		return all
	}
	for _, member := range bodyMembers(relRepository) {
		if o, named := q.Payload(member); named {
			all = append(all, Question{User: q.User, Action: "modify", Model: o.Model, Object: o, Domain: q.Domain, Trace: q.Trace})
		}
	}
	return all
}

// waits tells whether authorizers have to be asked once more when the body is known.
func (d *Decider) waits(q Question) bool {
	return len(d.authorizers) > 0 && q.Payload == nil && d.declared.fills(q.Policy, q.Action)
}
