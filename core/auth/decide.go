package auth

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// Reader is what decisions need of the database.
type Reader interface {
	Read(ctx context.Context) *gorm.DB
}

// Options are what a Decider works with.
type Options struct {
	DB       Reader
	Declared *Declared
	// Overrides are policies from the settings by name; they take the place of what is declared.
	Overrides map[string]*Policy
	// Authorizers are asked in this order after policies and roles said yes; all have to agree.
	Authorizers []NamedAuthorizer
	// GroupNames are groups that settings beside Overrides mention; nil where there are none. See CheckGroupName.
	GroupNames func() (map[string]bool, error)
}

// Decider answers Questions. It is the only place in Packhouse that grants access. It is safe for concurrent use.
type Decider struct {
	db          Reader
	declared    *Declared
	overrides   map[string]*Policy
	authorizers []NamedAuthorizer
	groupNames  func() (map[string]bool, error)
	ledger      ledger

	mu   sync.Mutex
	book *book
}

// NewDecider makes a Decider. An override of a policy that nobody declares, or that cannot be followed, is Invalid.
func NewDecider(o Options) (*Decider, error) {
	if o.Declared == nil {
		o.Declared = NewDeclared()
	}
	for name, p := range o.Overrides {
		if _, known := o.Declared.policies[name]; !known {
			return nil, errs.New(errs.Invalid, "access_policies: there is no endpoint %q; the names are those of the list access_policies/", name)
		}
		if err := p.Check(); err != nil {
			return nil, errs.New(errs.Invalid, "access_policies: %s: %w", name, err)
		}
	}
	if err := o.checkRestricted(); err != nil {
		return nil, err
	}
	return &Decider{db: o.DB, declared: o.Declared, overrides: o.Overrides, authorizers: o.Authorizers, groupNames: o.GroupNames}, nil
}

// checkRestricted refuses an authorizer that is about a model which does not exist: it would restrict nothing.
func (o Options) checkRestricted() error {
	models := slices.Compact(slices.Sorted(maps.Values(o.Declared.models)))
	for _, a := range o.Authorizers {
		named, is := a.Authorizer.(Restricting)
		if !is {
			continue
		}
		for _, model := range named.Restricts() {
			if !slices.Contains(models, model) {
				return errs.New(errs.Invalid, "authorizers: %s: there is nothing called %q; use %s", a.Name, model, strings.Join(models, ", "))
			}
		}
	}
	return nil
}

// Question is one request for access. Its zero value is denied.
type Question struct {
	// User is who asks, nil for an anonymous one.
	User *User
	// Rule is what the operation demands where no policy is declared.
	Rule Rule
	// Policy and Action name the endpoint's policy and what is done there, such as "partial_update".
	Policy, Action string
	// Model is the label of what the endpoint is about; Object is the very object that will be shown or changed.
	Model  string
	Object Object
	// Domain is the identity of the domain that the request is about.
	Domain string
	// Parents are objects that the path leads through, and what hangs on the object, by relation: "repository", "group",
	// "repo_attr".
	Parents map[string]Object
	// Payload gives what the body names, nil while it has not been read.
	Payload Payload
	// Trace, when set, notes what decided.
	Trace *Trace
}

// Payload gives the objects that a body names by member, such as "remote". A version stands for its repository.
type Payload func(member string) (Object, bool)

// verdict is what a statement comes to: later, when it depends on a body that has not been read.
type verdict int

const (
	no verdict = iota
	later
	yes
)

// Decide gives nil when access is granted; pending tells that the body has to be read and Decide asked again with the
// Payload before anything is done. Otherwise the error is Unauthenticated for an anonymous one, who may try again with
// credentials, and Forbidden for a user. When it cannot be found out, that error denies.
func (d *Decider) Decide(ctx context.Context, q Question) (pending bool, err error) {
	if q.Rule == Anyone {
		q.Trace.note("rule", "anyone may", true, "")
		return false, nil
	}
	if q.User == nil {
		return false, errs.New(errs.Unauthenticated, "Authentication credentials were not provided; log in or send them with the request.")
	}
	said, err := d.allows(ctx, q)
	if err != nil {
		return false, fmt.Errorf("decide on %q at %q for %s: %w", q.Action, q.Policy, q.User, err)
	}
	if said == no {
		return false, forbidden()
	}
	for _, one := range d.concerned(q) {
		if err := d.authorize(ctx, one); err != nil {
			return false, err
		}
	}
	return said == later || d.waits(q), nil
}

func forbidden() error {
	return errs.New(errs.Forbidden, "You do not have permission to perform this action; ask an administrator for it.")
}

// allows follows the policy, or the rule where there is none.
func (d *Decider) allows(ctx context.Context, q Question) (verdict, error) {
	// Who was deactivated after a task or a connection began is stopped here.
	if !q.User.IsActive {
		q.Trace.note("user", q.User.Username+" is deactivated", false, "")
		return no, nil
	}
	if !q.User.Scope.covers(q) {
		q.Trace.note("token", "the token is limited to other objects", false, "")
		return no, nil
	}
	if q.Policy == "" {
		return d.rule(ctx, q)
	}
	b, err := d.present(ctx, q.User)
	if err != nil {
		return no, err
	}
	p := b.policies[q.Policy]
	if p == nil {
		q.Trace.note("policy", q.Policy, false, "there is no such policy")
		return no, nil
	}
	return d.follow(ctx, p, q)
}

// follow lets a statement that denies win over those that allow.
func (d *Decider) follow(ctx context.Context, p *compiled, q Question) (verdict, error) {
	result, missing := no, error(nil)
	for i := range p.statements {
		s := &p.statements[i]
		if !s.concerns(q.Action) {
			continue
		}
		said, err := d.statement(ctx, s, q)
		if s.Effect == Allow && errs.Is(err, errs.Invalid) { // it is told unless another statement allows
			missing, err = err, nil
		}
		if err != nil {
			return no, err
		}
		q.Trace.statement(q.Policy, s.Statement, said)
		if s.Effect == Deny {
			if said == yes {
				return no, nil
			}
			if said == later && result == yes {
				result = later
			}
			continue
		}
		result = max(result, said)
	}
	switch {
	case result == no:
		return no, missing
	case result == yes && q.Payload == nil && p.deniesLater(q.Action):
		return later, nil
	}
	return result, nil
}

// deniesLater tells whether a denial of the action waits for the body.
func (c *compiled) deniesLater(action string) bool {
	return slices.ContainsFunc(c.statements, func(s compiledStatement) bool {
		return s.Effect == Deny && s.concerns(action) && slices.ContainsFunc(s.conditions, condition.ofBody)
	})
}

func (d *Decider) statement(ctx context.Context, s *compiledStatement, q Question) (verdict, error) {
	if s.Effect == Deny && q.User.Scope != nil {
		// A token's limits narrow what is allowed. A denial is met by what the user is and has, or a token would escape it.
		whole := *q.User
		whole.Scope, q.User = nil, &whole
	}
	ok, err := d.isPrincipal(ctx, s.Principal, q.User)
	if err != nil || !ok {
		return no, err
	}
	if s.Effect == Allow && !q.User.Scope.unconditional(s, q) {
		return no, nil
	}
	result := yes
	for _, c := range s.conditions {
		said, err := d.holds(ctx, c, q)
		if err != nil || said == no {
			return no, err
		}
		result = min(result, said)
	}
	return result, nil
}

func (d *Decider) isPrincipal(ctx context.Context, principals Texts, user *User) (bool, error) {
	for _, p := range principals {
		switch {
		case p == PrincipalUsers:
			return true, nil
		case p == PrincipalAdmin:
			if user.IsSuperuser && user.Scope == nil {
				return true, nil
			}
		case p == "id:"+strconv.FormatInt(user.ID, 10):
			return true, nil
		default:
			groups, err := d.Groups(ctx, user)
			if err != nil {
				return false, err
			}
			if slices.ContainsFunc(groups, func(name string) bool { return p == "group:"+name }) {
				return true, nil
			}
		}
	}
	return false, nil
}

// holds evaluates one condition.
func (d *Decider) holds(ctx context.Context, c condition, q Question) (said verdict, err error) {
	defer func() { q.Trace.condition(ctx, d, c, q, said) }()
	targets, known := c.targets(q)
	if !known {
		return later, nil
	}
	if !d.inScope(q.User, c.permission, q.Domain) {
		return no, nil
	}
	if len(targets) == 0 && c.required && !q.User.IsSuperuser {
		return no, errs.Field("repository", "Destination repository is needed, since you are no administrator.")
	}
	for _, target := range targets {
		if ok, err := d.has(ctx, q.User, c.permission, target, q.Domain, c); !ok || err != nil {
			return no, err
		}
	}
	return yes, nil
}

// targets are the objects that a condition is about; none where the body names none. A relation that the path does not
// have is the zero Object, on which nobody has a role. known is false while the body has not been read.
func (c condition) targets(q Question) (targets []Object, known bool) {
	switch {
	case c.relation == "":
		return []Object{q.Object}, true
	case !c.ofBody():
		return []Object{q.Parents[c.relation]}, true
	case q.Payload == nil:
		return nil, false
	}
	for _, member := range bodyMembers(c.relation) {
		if o, found := q.Payload(member); found {
			targets = append(targets, o)
		}
	}
	return targets, true
}

func bodyMembers(relation string) []string {
	switch relation {
	case relRemote:
		return []string{"remote"}
	case relPublication:
		return []string{"publication"}
	case relUpload:
		return []string{"upload"}
	}
	return []string{"repository", "repository_version"}
}

// has tells whether the user has a permission at the levels of a condition.
func (d *Decider) has(ctx context.Context, user *User, permission string, o Object, domain string, c condition) (bool, error) {
	if user.IsSuperuser {
		return true, nil
	}
	if !c.object {
		o = Object{}
	}
	if g := d.ledger.get(user.ID, user.Mark); g != nil && g.everywhere(permission, domain, c.model, c.domain) {
		return true, nil
	}
	g, on, err := d.grantsOf(ctx, user, o)
	if err != nil {
		return false, err
	}
	return g.everywhere(permission, domain, c.model, c.domain) || on[permission], nil
}

// anyLevel is a condition that any level fulfils.
var anyLevel = condition{model: true, domain: true, object: true}

// Holds tells whether the user has a permission everywhere, in the domain or on the object. It asks roles only: neither
// policies nor authorizers. A scope of the user's token counts.
func (d *Decider) Holds(ctx context.Context, user *User, permission string, o Object, domain string) (bool, error) {
	if user == nil || !user.IsActive || !d.inScope(user, permission, domain) || !user.Scope.includes(o) {
		return false, nil
	}
	return d.has(ctx, user, permission, o, d.within(permission, domain), anyLevel)
}

// inScope tells whether the limits of the user's token leave a permission. What belongs to no domain, other domains
// themselves among it, is out of reach of a token that is limited to some.
func (d *Decider) inScope(user *User, permission, domain string) bool {
	if user.Scope != nil && len(user.Scope.Domains) > 0 && d.isGlobal(permission) {
		return false
	}
	return user.Scope.Allows(permission, domain)
}

// isGlobal tells whether a permission is about what belongs to no domain.
func (d *Decider) isGlobal(permission string) bool {
	model, known := d.declared.ModelOf(permission)
	return known && d.declared.global[model]
}

// within is the domain in which a permission can be given: "" for what belongs to no domain.
func (d *Decider) within(permission, domain string) string {
	if d.isGlobal(permission) {
		return ""
	}
	return domain
}

// rule follows a rule without a policy: a permission then counts everywhere, in the domain or on the object.
func (d *Decider) rule(ctx context.Context, q Question) (verdict, error) {
	ok, err := false, error(nil)
	switch permission, named := q.Rule.Permission(); {
	case q.Rule == Authenticated:
		ok = true
	case q.Rule == Superusers:
		ok = q.User.IsSuperuser && q.User.Scope == nil
	case named:
		ok, err = d.Holds(ctx, q.User, permission, q.Object, q.Domain)
	}
	q.Trace.note("rule", string(q.Rule), ok, "")
	if ok {
		return yes, err
	}
	return no, err
}

// authorize asks the authorizers, the first no ends it. What one says in its defence goes to the trace, not to the one
// who asks.
func (d *Decider) authorize(ctx context.Context, q Question) error {
	for _, a := range d.authorizers {
		ok, reason, err := a.ask(ctx, d, q)
		if err != nil {
			reason = err.Error()
		}
		q.Trace.note("authorizer", a.Name, ok, reason)
		if !ok {
			return errs.New(errs.Forbidden, "You do not have permission to perform this action; the authorizer %q has not agreed.", a.Name)
		}
	}
	return nil
}

// Downloads gives what content guards ask: a permission by roles, and what the authorizers say of the download.
func (d *Decider) Downloads() Downloads { return Downloads{d} }

// Downloads decides about downloads past a content guard. See Decider.Downloads.
type Downloads struct{ d *Decider }

// Holds tells whether the user has the permission on the guard and every authorizer agrees with the download; one that
// fails does not.
func (w Downloads) Holds(ctx context.Context, user *User, permission string, o Object, domain string) (bool, error) {
	ok, err := w.d.Holds(ctx, user, permission, o, domain)
	if err != nil || !ok {
		return false, err
	}
	err = w.d.authorize(ctx, Question{User: user, Action: "download", Model: o.Model, Object: o, Domain: domain})
	if errs.Is(err, errs.Forbidden) {
		return false, nil
	}
	return err == nil, err
}

var _ View = (*Decider)(nil)
