// Package oidc trusts OpenID Connect providers: an Issuer verifies the tokens of one (OpenID Connect Core 1.0), and Login
// lets people log in with one by the authorization code flow with PKCE (RFC 6749, RFC 7636).
package oidc

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
)

// Bounds of trust in time.
const (
	// leeway is how far the clock of an issuer may be ahead of ours.
	leeway = time.Minute
	// discoveryLife is how long what an issuer says of itself is used, its keys too: a key that it took back is not
	// trusted for longer.
	discoveryLife = time.Hour
	// maxToken is the longest token that is looked at, in bytes.
	maxToken = 16 << 10
)

// algorithms are the signatures that count: asymmetric ones only. Who could check a symmetric one could also make it.
func algorithms() []string {
	return []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}
}

// IssuerOptions say which issuer is trusted. Only URL is required.
type IssuerOptions struct {
	// URL is the issuer exactly as it writes itself; https, or http for this machine.
	URL string
	// CAFile holds the certificates (PEM) that the issuer's is checked with; empty takes those of the system.
	CAFile string
	// Insecure allows http to other machines: whoever is on the way can log in as anybody.
	Insecure bool
	// Now is the clock, nil for that of the system.
	Now func() time.Time
}

// Issuer verifies tokens of one issuer. What the issuer says of itself and its keys is fetched when it is needed and
// kept for an hour; a key that is not known yet is looked for at most every ten seconds, so that nobody can make us
// flood the issuer with forged tokens. It is safe for concurrent use.
type Issuer struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	known   *known
	checked time.Time
}

// known is what an issuer says of itself, with its keys.
type known struct {
	provider *oidc.Provider
	keys     oidc.KeySet
}

// Token is a token that was verified.
type Token struct {
	Issuer, Subject string
	Audience        []string
	Nonce           string
	Expires         time.Time
	Claims          federation.Claims
}

// NewIssuer makes an Issuer; it does not ask the issuer yet. An address that cannot be trusted is Invalid.
func NewIssuer(o IssuerOptions) (*Issuer, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errs.New(errs.Invalid, "the issuer %q must be an address such as https://id.example.org, as the issuer writes it itself", o.URL)
	}
	if !o.Insecure && !private(u) {
		return nil, errs.New(errs.Invalid, "the issuer %q must be reached over https; set allow_insecure only where nobody else is on the way", o.URL)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	client, err := newClient(o)
	if err != nil {
		return nil, err
	}
	return &Issuer{url: o.URL, client: client, now: o.Now}, nil
}

// URL is the issuer as it writes itself.
func (i *Issuer) URL() string { return i.url }

// private tells whether nobody between us and the address can read along.
func private(u *url.URL) bool {
	address, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// learn asks the issuer about itself, once an hour. When it does not answer then, what it said before still counts.
func (i *Issuer) learn(ctx context.Context) (*known, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known != nil && i.now().Before(i.checked.Add(discoveryLife)) {
		return i.known, nil
	}
	ctx = oidc.ClientContext(ctx, i.client)
	provider, err := oidc.NewProvider(ctx, i.url)
	if err != nil && i.known != nil {
		i.checked = i.now().Add(fetchEvery - discoveryLife)
		return i.known, nil
	}
	if err != nil {
		return nil, away("ask %s about itself: %w", i.url, err)
	}
	var said struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&said); err != nil || said.Keys == "" {
		return nil, away("%s does not say where its keys are", i.url)
	}
	i.known, i.checked = &known{provider, oidc.NewRemoteKeySet(ctx, said.Keys)}, i.now()
	return i.known, nil
}

// Verify checks a token: that the issuer signed it, for the audience ("" for whichever; then the caller must
// look), that its time has begun and is not over. A token that is not good is Unauthenticated, an issuer that does not answer
// Unavailable.
func (i *Issuer) Verify(ctx context.Context, text, audience string) (*Token, error) {
	if len(text) > maxToken || strings.Count(text, ".") != 2 {
		return nil, refuse("it is no signed JWT in the compact form")
	}
	k, err := i.learn(ctx)
	if err != nil {
		return nil, err
	}
	keys := &noting{KeySet: k.keys}
	verifier := oidc.NewVerifier(i.url, keys, &oidc.Config{ClientID: audience, SkipClientIDCheck: audience == "", SupportedSigningAlgs: algorithms(), Now: i.now})
	verified, err := verifier.Verify(ctx, text)
	if keys.away != nil {
		return nil, away("get the keys of %s: %w", i.url, keys.away)
	}
	if err != nil {
		return nil, refuse("%w", err)
	}
	return i.checkTimes(verified)
}

// checkTimes is stricter than the library: a token must say when it was made, and not lie ahead.
func (i *Issuer) checkTimes(t *oidc.IDToken) (*Token, error) {
	var raw rawClaims
	if err := t.Claims(&raw); err != nil {
		return nil, refuse("its claims cannot be read: %w", err)
	}
	claims, err := federation.ParseClaims(raw)
	if err != nil {
		return nil, err
	}
	now := i.now()
	if t.Subject == "" || t.IssuedAt.IsZero() || t.IssuedAt.Unix() <= 0 {
		return nil, refuse("it does not say whom it is about, or when it was made")
	}
	begins := t.IssuedAt
	if later := notBefore(claims); later.After(begins) {
		begins = later
	}
	if begins.After(now.Add(leeway)) {
		return nil, refuse("its time has not begun; compare the clocks")
	}
	if !now.Before(t.Expiry) {
		return nil, refuse("its time is over")
	}
	return &Token{Issuer: t.Issuer, Subject: t.Subject, Audience: slices.Clone(t.Audience), Nonce: t.Nonce, Expires: t.Expiry, Claims: claims}, nil
}
