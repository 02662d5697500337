package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
)

// LoginOptions are what a Login needs. Secret and Accounts are required.
type LoginOptions struct {
	// Providers are the setting authentication.oidc.
	Providers []config.Instance
	// Secret is the secret key that all processes share.
	Secret   config.Secret
	Accounts *federation.Accounts
	// Now is the clock, nil for that of the system.
	Now func() time.Time
	Log *slog.Logger
}

// Login lets people log in with the providers of the settings. It keeps nothing between the two steps, so that any process
// can take the second. It is safe for concurrent use.
type Login struct {
	providers map[string]*provider
	sealer    sealer
	accounts  *federation.Accounts
	now       func() time.Time
	log       *slog.Logger
}

// NewLogin reads the providers; their faults are Invalid. No provider is asked yet.
func NewLogin(o LoginOptions) (*Login, error) {
	if o.Secret.Empty() || o.Accounts == nil {
		panic("oidc.NewLogin needs a secret and accounts")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Login{providers: map[string]*provider{}, sealer: newSealer(o.Secret.Reveal()), accounts: o.Accounts, now: o.Now, log: o.Log}
	for _, in := range o.Providers {
		p, err := newProvider(in, o.Now)
		if err != nil {
			return nil, fmt.Errorf("authentication.oidc: %w", err)
		}
		l.providers[in.Name] = p
	}
	return l, nil
}

// Begin sends somebody to a provider: to the address, with a cookie to keep for FlowLife. Callback is the address of
// Finish as the browser knows it; a redirect_uri in the settings comes before it. Next is where to go afterwards, a path
// of this server. An unknown provider is NotFound, one that does not answer Unavailable.
func (l *Login) Begin(ctx context.Context, name, callback, next string) (address, cookie string, err error) {
	p, err := l.provider(name)
	if err != nil {
		return "", "", err
	}
	if next, err = localPath(next); err != nil {
		return "", "", err
	}
	k, err := p.issuer.learn(ctx)
	if err != nil {
		return "", "", l.away(ctx, p, err)
	}
	if p.callback != "" {
		callback = p.callback
	}
	f := flow{Provider: name, State: secretText(), Nonce: secretText(), Verifier: oauth2.GenerateVerifier(), Callback: callback, Next: next,
		Ends: l.now().Add(FlowLife).UTC()}
	if cookie, err = l.sealer.seal(f); err != nil {
		return "", "", fmt.Errorf("keep a log-in with %s: %w", name, err)
	}
	return p.oauth(k, callback).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), cookie, nil
}

// Finish takes what the provider sent the browser back with, and the cookie of Begin, and gives the user, made or brought
// up to date, and where to go. What does not add up is Forbidden, a provider that does not answer Unavailable.
func (l *Login) Finish(ctx context.Context, name string, answer url.Values, cookie string) (user *auth.User, next string, err error) {
	p, err := l.provider(name)
	if err != nil {
		return nil, "", err
	}
	f, err := l.sealer.open(cookie, name, l.now())
	if err != nil {
		return nil, "", err
	}
	if err := checkAnswer(p, f, answer); err != nil {
		return nil, "", l.kept(ctx, p, err)
	}
	token, err := l.redeem(ctx, p, f, answer.Get("code"))
	if err != nil {
		return nil, "", l.kept(ctx, p, err)
	}
	user, err = l.admit(ctx, p, token)
	if err != nil {
		return nil, "", l.kept(ctx, p, err)
	}
	user.Via = "oidc " + p.name
	l.log.InfoContext(ctx, "a person logged in with a provider", "provider", p.name, "user", user)
	return user, f.Next, nil
}

func (l *Login) provider(name string) (*provider, error) {
	if p := l.providers[name]; p != nil {
		return p, nil
	}
	return nil, errs.New(errs.NotFound, "There is no such log-in provider; look at the setting authentication.oidc.")
}

// checkAnswer looks at state first: without it the rest was written by anybody. The issuer in the answer keeps apart
// providers that were mixed up (RFC 9207).
func checkAnswer(p *provider, f *flow, answer url.Values) error {
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(f.State)) != 1 {
		return errs.New(errs.Forbidden, "The answer of the provider belongs to another log-in; begin again.")
	}
	if issuer := answer.Get("iss"); issuer != "" && issuer != p.issuer.url {
		return errs.New(errs.Forbidden, "The answer comes from another provider; begin again.")
	}
	if code := answer.Get("error"); code != "" {
		if !regexp.MustCompile(`^[a-z_]{1,50}$`).MatchString(code) {
			code = "unknown"
		}
		return errs.New(errs.Forbidden, "The provider did not log you in (%s).", code)
	}
	if answer.Get("code") == "" {
		return errs.New(errs.Forbidden, "The answer of the provider has no code; begin again.")
	}
	return nil
}

// redeem gets the token for the code and checks that it is the answer to this log-in.
func (l *Login) redeem(ctx context.Context, p *provider, f *flow, code string) (*Token, error) {
	k, err := p.issuer.learn(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, p.issuer.client)
	got, err := p.oauth(k, f.Callback).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refusal.Response != nil && refusal.Response.StatusCode < 500 {
		return nil, errs.New(errs.Forbidden, "The provider does not take the code, which counts once and for a short time; begin again.")
	}
	if err != nil {
		return nil, away("redeem the code: %s", err)
	}
	text, _ := got.Extra("id_token").(string)
	token, err := p.issuer.Verify(ctx, text, p.client)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(f.Nonce)) != 1 {
		return nil, refuse("its nonce is that of another log-in")
	}
	if authorized := token.Claims.Text("azp"); len(token.Audience) > 1 && authorized != p.client || authorized != "" && authorized != p.client {
		return nil, refuse("it was made for another client")
	}
	return token, p.complete(ctx, k, got, token)
}

// complete asks for what the token leaves out: some providers keep tokens small and say the rest at another address.
func (p *provider) complete(ctx context.Context, k *known, got *oauth2.Token, token *Token) error {
	missing := token.Claims.Text(p.usernameClaim) == "" || token.Claims.Text(p.emailClaim) == "" || len(p.source.Groups) > 0 && token.Claims.Texts(p.groupsClaim) == nil
	if !missing || k.provider.UserInfoEndpoint() == "" {
		return nil
	}
	said, err := k.provider.UserInfo(ctx, oauth2.StaticTokenSource(got))
	if err != nil {
		return away("ask who the person is: %s", err)
	}
	if said.Subject != token.Subject {
		return refuse("the provider says something else about the person at its other address")
	}
	var more map[string]json.RawMessage
	if err := said.Claims(&more); err != nil {
		return refuse("what the provider says about the person cannot be read: %w", err)
	}
	for name, text := range more {
		if _, there := token.Claims[name]; there {
			continue
		}
		one, err := federation.ParseClaims([]byte(`{"value":` + string(text) + `}`))
		if err != nil {
			return err
		}
		token.Claims[name] = one["value"]
	}
	return nil
}

// admit gives the user of a person who proved who they are.
func (l *Login) admit(ctx context.Context, p *provider, token *Token) (*auth.User, error) {
	if !p.required.Met(token.Claims) {
		return nil, errs.New(errs.Forbidden, "The provider knows you, but your account there may not log in here; ask the administrator.")
	}
	who := federation.Identity{Provider: p.name, Issuer: p.issuer.url, Subject: token.Subject}
	return l.accounts.ByIdentity(ctx, p.source, who, p.profile(token.Claims))
}

// kept tells the log why somebody was kept out, and the browser what to do: never 401, which browsers answer with a
// dialog for a password.
func (l *Login) kept(ctx context.Context, p *provider, err error) error {
	switch errs.KindOf(err) {
	case errs.Unavailable:
		return l.away(ctx, p, err)
	case errs.Unauthenticated, errs.Forbidden:
		l.log.WarnContext(ctx, "a log-in with a provider was refused", "provider", p.name, "reason", strings.ToValidUTF8(err.Error(), "?"))
		if e, ok := errors.AsType[*errs.Error](err); ok {
			return errs.New(errs.Forbidden, "%s", e.Msg)
		}
	}
	return err
}

func (l *Login) away(ctx context.Context, p *provider, err error) error {
	l.log.ErrorContext(ctx, "a log-in provider does not answer", "provider", p.name, "error", err)
	return errs.New(errs.Unavailable, "The log-in provider does not answer as it should; try again later.")
}
