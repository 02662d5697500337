// Package exchange gives CI jobs short-lived tokens for tokens of their own issuer, so that no password has to be kept
// there (OAuth 2.0 Token Exchange, RFC 8693). Rules in the settings say whose tokens count, and for what.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation/oidc"
)

// Users finds users by name.
type Users interface {
	FindUser(ctx context.Context, name string) (*auth.User, error)
}

// Tokens makes tokens.
type Tokens interface {
	CreateToken(ctx context.Context, want auth.NewToken) (*auth.Token, string, error)
}

// Domains finds the identity of a domain by its name; a missing one is NotFound.
type Domains func(ctx context.Context, name string) (id string, err error)

// Options are what an Exchange needs. Users, Tokens and Domains are required.
type Options struct {
	// Rules are the setting authentication.token_exchange, in its order.
	Rules   []config.Instance
	Users   Users
	Tokens  Tokens
	Domains Domains
	// Now is the clock, nil for that of the system.
	Now func() time.Time
	Log *slog.Logger
}

// Exchange exchanges tokens. It is safe for concurrent use.
type Exchange struct {
	rules   []*rule
	issuers []*oidc.Issuer
	users   Users
	tokens  Tokens
	domains Domains
	now     func() time.Time
	log     *slog.Logger
}

// Answer is a new token (RFC 8693, section 2.2.1).
type Answer struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	// ExpiresIn is the rest of its life in seconds.
	ExpiresIn int64 `json:"expires_in"`
	// Scope are its permissions, with spaces between.
	Scope string `json:"scope"`
}

// New reads the rules; their faults are Invalid. No issuer is asked yet.
func New(o Options) (*Exchange, error) {
	if o.Users == nil || o.Tokens == nil || o.Domains == nil {
		panic("exchange.New needs users, tokens and domains")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Exchange{users: o.Users, tokens: o.Tokens, domains: o.Domains, now: o.Now, log: o.Log}
	for _, in := range o.Rules {
		if err := e.add(in); err != nil {
			return nil, fmt.Errorf("authentication.token_exchange: %w", err)
		}
	}
	return e, nil
}

// add adds a rule. An issuer that rules trust in two ways is refused: one of the ways would count without being meant.
func (e *Exchange) add(in config.Instance) error {
	r, err := newRule(in)
	if err != nil {
		return err
	}
	e.rules = append(e.rules, r)
	for _, before := range e.rules[:len(e.rules)-1] {
		if before.issuer.URL != r.issuer.URL {
			continue
		}
		if before.issuer.CAFile != r.issuer.CAFile || before.issuer.Insecure != r.issuer.Insecure {
			return errs.New(errs.Invalid, "rules %q and %q have one issuer, so they must have the same ca_file and allow_insecure", before.name, r.name)
		}
		return nil
	}
	way := r.issuer
	way.Now = e.now
	issuer, err := oidc.NewIssuer(way)
	if err != nil {
		return fmt.Errorf("rule %q: %w", r.name, err)
	}
	e.issuers = append(e.issuers, issuer)
	return nil
}

// Exchange takes the parameters of a request, from a form or a JSON object. What is wrong with them or with the token is
// a *Fault; an issuer that does not answer is Unavailable.
func (e *Exchange) Exchange(ctx context.Context, values map[string]any) (*Answer, error) {
	want, wrong := parseRequest(values)
	if wrong != nil {
		return nil, wrong
	}
	token, err := e.verify(ctx, want.token)
	if err != nil {
		return nil, err
	}
	for _, r := range e.rules {
		if r.fits(token) {
			return e.grant(ctx, r, token, want)
		}
	}
	e.log.WarnContext(ctx, "a token meets no rule of authentication.token_exchange", "issuer", token.Issuer, "subject", token.Subject, "audience", token.Audience)
	return nil, fault("invalid_request", "no rule lets this token in; compare its issuer, audience and claims with the setting authentication.token_exchange")
}

// verify has the issuer whom the token names check it; what the token says is believed only after that.
func (e *Exchange) verify(ctx context.Context, text string) (*oidc.Token, error) {
	said, err := oidc.ClaimedIssuer(text)
	if err != nil {
		return nil, fault("invalid_request", "subject_token is no signed JWT in the compact form")
	}
	for _, issuer := range e.issuers {
		if issuer.URL() != said {
			continue
		}
		token, err := issuer.Verify(ctx, text, "")
		if errs.Is(err, errs.Unauthenticated) || errs.Is(err, errs.Invalid) {
			e.log.WarnContext(ctx, "a token for exchange was refused", "issuer", said, "reason", err)
			return nil, fault("invalid_request", "subject_token does not count: it must be signed by its issuer with an asymmetric algorithm, and its time must have begun and not be over")
		}
		return token, err
	}
	return nil, fault("invalid_request", "the issuer of subject_token is not trusted here; look at the setting authentication.token_exchange")
}

// grant makes the token that the rule gives.
func (e *Exchange) grant(ctx context.Context, r *rule, token *oidc.Token, want request) (*Answer, error) {
	scope, err := e.scope(ctx, r, want.scope)
	if err != nil {
		return nil, err
	}
	user, err := e.users.FindUser(ctx, r.user)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return nil, err
	}
	if user == nil || !user.IsActive || !user.IsServiceAccount {
		e.log.ErrorContext(ctx, "a rule of authentication.token_exchange names a user who is no active service account", "rule", r.name, "user", r.user)
		return nil, fault("invalid_request", "the user of this token's rule cannot be used; ask the administrator")
	}
	audit.From(ctx).By(user.ID, user.Username, "token exchange by rule "+r.name)
	expires := e.now().Add(r.life)
	row, text, err := e.tokens.CreateToken(ctx, auth.NewToken{User: user, Name: tokenName(r, token), Scope: *scope, ExpiresAt: &expires})
	if err != nil {
		return nil, fmt.Errorf("exchange a token by rule %s: %w", r.name, err)
	}
	e.log.InfoContext(ctx, "a token was exchanged", "rule", r.name, "user", user, "token", row.ID, "issuer", token.Issuer, "subject", token.Subject)
	return &Answer{AccessToken: text, IssuedTokenType: typeAccessToken, TokenType: "Bearer", ExpiresIn: int64(r.life / time.Second),
		Scope: strings.Join(scope.Permissions, " ")}, nil
}

// scope is that of the rule, or the part of it that was asked for.
func (e *Exchange) scope(ctx context.Context, r *rule, permissions []string) (*auth.Scope, error) {
	scope := r.scope
	scope.Domains = nil
	for _, name := range r.scope.Domains {
		id, err := e.domains(ctx, name)
		if errs.Is(err, errs.NotFound) {
			e.log.ErrorContext(ctx, "a rule of authentication.token_exchange names a domain that is not there", "rule", r.name, "domain", name)
			return nil, fault("invalid_request", "a domain of this token's rule is not there; ask the administrator")
		}
		if err != nil {
			return nil, err
		}
		scope.Domains = append(scope.Domains, id)
	}
	if len(permissions) == 0 {
		return &scope, nil
	}
	part := scope
	part.Permissions = permissions
	if err := part.Check(); err != nil || !scope.Covers(&part) {
		return nil, fault("invalid_scope", "scope must name permissions that the rule gives, such as file.view_*, with spaces between")
	}
	return &part, nil
}

// tokenName tells in lists and logs where the token comes from.
func tokenName(r *rule, t *oidc.Token) string {
	name := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == 0xfffd {
			return '?'
		}
		return c
	}, r.name+": "+t.Subject)
	if letters := []rune(name); len(letters) > 150 {
		name = string(letters[:149]) + "…"
	}
	return name
}

// AsFault gives the *Fault in an error, nil when there is none.
func AsFault(err error) *Fault {
	f, _ := errors.AsType[*Fault](err)
	return f
}
