package exchange

import (
	"errors"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
	"github.com/packhouse/packhouse/core/federation/oidc"
)

// Bounds of the life of a token that was exchanged.
const (
	defaultLife = 15 * time.Minute
	longestLife = time.Hour
)

// rule is one entry of authentication.token_exchange.
type rule struct {
	name     string
	issuer   oidc.IssuerOptions
	audience string
	claims   federation.Conditions
	user     string
	scope    auth.Scope
	life     time.Duration
}

// newRule reads the parameters. A rule says for whom the tokens must be and something about whom they are: an issuer that
// serves the world would otherwise let the world in.
func newRule(in config.Instance) (*rule, error) {
	var r rule
	var conditions map[string]string
	err := errors.Join(in.Only("issuer", "ca_file", "allow_insecure", "audience", "claims", "user", "permissions", "domains", "objects", "lifetime"),
		read(&r.issuer.URL, "issuer", in.Text), read(&r.issuer.CAFile, "ca_file", in.Text),
		read(&r.audience, "audience", in.Text), read(&r.user, "user", in.Text), read(&conditions, "claims", in.TextMap),
		read(&r.scope.Permissions, "permissions", in.Texts), read(&r.scope.Domains, "domains", in.Texts), read(&r.scope.Objects, "objects", in.Texts),
		read(&r.issuer.Insecure, "allow_insecure", func(name string) (bool, error) { return in.Bool(name, false) }),
		read(&r.life, "lifetime", func(name string) (time.Duration, error) { return in.Duration(name, defaultLife) }))
	if err != nil {
		return nil, err
	}
	if r.claims, err = federation.ParseConditions(conditions); err != nil {
		return nil, errs.New(errs.Invalid, "rule %q: %w", in.Name, err)
	}
	r.name = in.Name
	return &r, r.check(in.Type)
}

func (r *rule) check(kind string) error {
	wrong := func(format string, args ...any) error {
		return errs.New(errs.Invalid, "rule %q: "+format, append([]any{r.name}, args...)...)
	}
	switch {
	case kind != "oidc":
		return wrong("the type %q is not known; the type of a rule is oidc", kind)
	case r.audience == "":
		return wrong("needs the parameter audience: tokens that were made for somebody else must not count here")
	case len(r.claims) == 0:
		return wrong("needs the parameter claims: without a condition everybody whom the issuer knows would get in")
	case r.user == "":
		return wrong("needs the parameter user, a service account")
	case r.life < time.Minute || r.life > longestLife:
		return wrong("lifetime %s must be 1m to 1h", r.life)
	}
	if err := r.scope.Check(); err != nil {
		return wrong("%w", err)
	}
	return nil
}

// fits tells whether a verified token meets the rule.
func (r *rule) fits(t *oidc.Token) bool {
	return t.Issuer == r.issuer.URL && slices.Contains(t.Audience, r.audience) && r.claims.Met(t.Claims)
}

func read[V any](into *V, name string, from func(name string) (V, error)) (err error) {
	*into, err = from(name)
	return err
}
