package oidc

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit/issuer"
)

// forged are changes to good claims that must make a token worthless, whoever looks at it.
func forged(now time.Time) map[string]map[string]any {
	return map[string]map[string]any{
		"another issuer":  {"iss": "https://evil.example.org"},
		"no issuer":       {"iss": nil},
		"over":            {"exp": now.Add(-time.Second).Unix()},
		"without end":     {"exp": nil},
		"made later":      {"iat": now.Add(2 * leeway).Unix()},
		"never made":      {"iat": nil},
		"not yet":         {"nbf": now.Add(2 * leeway).Unix()},
		"begin not clear": {"nbf": "soon"},
		"about nobody":    {"sub": nil},
	}
}

func TestForgedLogIns(t *testing.T) {
	t.Parallel()
	const second = "another at the second look" // with a name that nobody has yet
	i := issuer.New(t)
	accounts, _ := newAccounts(t)
	l := newLogin(t, accounts, &clock{}, corp(i.URL, "client", "secret", map[string]any{"required_claims": map[string]any{"org": "ours"}}))
	try := func(name string, make func(nonce string) string, want errs.Kind) {
		t.Helper()
		address, cookie, err := l.Begin(t.Context(), "corp", callback, "")
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		person := map[bool]string{true: "ann", false: "bob"}[name != second]
		i.Gives(make(u.Query().Get("nonce")), `{"sub":"subject","preferred_username":"`+person+`","org":"theirs"}`)
		user, _, err := l.Finish(t.Context(), "corp", url.Values{"code": {"x"}, "state": {u.Query().Get("state")}}, cookie)
		expect(t, name, err, want)
		if (user == nil) != (want != "") {
			t.Errorf("%s: %v", name, user)
		}
	}
	now := time.Now()
	good := func(nonce string, changes map[string]any) map[string]any {
		claims := i.Claims("client", now, map[string]any{"nonce": nonce, "org": "ours"})
		for name, value := range changes {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		return claims
	}
	for name, changes := range forged(now) {
		try(name, func(nonce string) string { return i.Sign(good(nonce, changes)) }, errs.Forbidden)
	}
	for name, c := range map[string]struct {
		changes map[string]any
		want    errs.Kind
	}{
		"good":                     {nil, ""},
		"for us and others":        {map[string]any{"aud": []string{"client", "b"}, "azp": "client"}, ""},
		"nonce of another":         {map[string]any{"nonce": "other"}, errs.Forbidden},
		"no nonce":                 {map[string]any{"nonce": nil}, errs.Forbidden},
		"for another":              {map[string]any{"aud": "other"}, errs.Forbidden},
		"for several, from nobody": {map[string]any{"aud": []string{"client", "b"}}, errs.Forbidden},
		"from another":             {map[string]any{"azp": "b"}, errs.Forbidden},
		"of another organization":  {map[string]any{"org": "theirs"}, errs.Forbidden},
		second:                     {map[string]any{"sub": "other"}, errs.Forbidden},
	} {
		try(name, func(nonce string) string { return i.Sign(good(nonce, c.changes)) }, c.want)
	}
	try("none", func(nonce string) string { return unsigned(i.Sign(good(nonce, nil)), `{"alg":"none"}`) }, errs.Forbidden)
	try("HS256", func(nonce string) string {
		return i.SignWith(jose.HS256, []byte(strings.Repeat("secret", 8)), good(nonce, nil))
	}, errs.Forbidden)
	try("nothing", func(string) string { return "" }, errs.Forbidden)
	try("other payload", func(nonce string) string {
		return swapped(i.Sign(good(nonce, nil)), i.Sign(good(nonce, map[string]any{"sub": "root"})))
	}, errs.Forbidden)
	i.Down(true)
	address, cookie, err := l.Begin(t.Context(), "corp", callback, "") // known from before
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = l.Finish(t.Context(), "corp", url.Values{"code": {"x"}, "state": {u.Query().Get("state")}}, cookie)
	expect(t, "down", err, errs.Unavailable)
}

// unsigned is a token without signature.
func unsigned(token, header string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + strings.Split(token, ".")[1] + "."
}

// swapped is a token with the payload of another.
func swapped(token, payload string) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + strings.Split(payload, ".")[1] + "." + parts[2]
}

func newIssuer(t *testing.T, i *issuer.Issuer, at *clock) *Issuer {
	t.Helper()
	made, err := NewIssuer(IssuerOptions{URL: i.URL, Now: at.now})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestKeysChange: new keys are found, old ones are forgotten, and forged tokens do not become a flood at the issuer.
func TestKeysChange(t *testing.T) {
	t.Parallel()
	i, at := issuer.New(t), &clock{}
	v := newIssuer(t, i, at)
	sign := func() string { return i.Sign(i.Claims("us", at.now(), nil)) }
	verify := func(name, token string, want errs.Kind) {
		t.Helper()
		_, err := v.Verify(t.Context(), token, "us")
		expect(t, name, err, want)
	}
	verify("first", sign(), "")
	stranger := issuer.New(t)
	claims := i.Claims("us", at.now(), nil)
	for range 20 {
		verify("unknown key", stranger.Sign(claims), errs.Unauthenticated)
	}
	if n := i.Fetches("/keys"); n != 1 {
		t.Errorf("20 forged tokens made %d fetches of the keys", n)
	}
	old := sign()
	i.Rotate()
	verify("new key, too early", sign(), errs.Unauthenticated)
	at.forward(fetchEvery)
	verify("new key", sign(), "")
	verify("old key", old, errs.Unauthenticated)
	i.Down(true)
	verify("known key of an issuer that is down", sign(), "")
	at.forward(fetchEvery)
	verify("unknown key of an issuer that is down", stranger.Sign(i.Claims("us", at.now(), nil)), errs.Unavailable)
	at.forward(discoveryLife)
	verify("an hour later", sign(), "")
	i.Down(false)
	at.forward(fetchEvery)
	verify("back again", sign(), "")
	claims = i.Claims("us", at.now().Add(discoveryLife), nil)
	taken := i.Sign(claims)
	i.Rotate()
	at.forward(discoveryLife)
	verify("a key that was taken back an hour ago", taken, errs.Unauthenticated)
}

func TestIssuerIsDown(t *testing.T) {
	t.Parallel()
	i, at := issuer.New(t), &clock{}
	i.Down(true)
	v := newIssuer(t, i, at)
	token := i.Sign(i.Claims("us", time.Now(), nil))
	for range 5 {
		_, err := v.Verify(t.Context(), token, "us")
		expect(t, "down", err, errs.Unavailable)
	}
	if n := i.Fetches("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	i.Down(false)
	at.forward(fetchEvery)
	_, err := v.Verify(t.Context(), token, "us")
	expect(t, "up", err, "")
	for _, text := range []string{"", "a.b", "a.b.c", token + ".x", strings.Repeat("a", maxToken) + ".b.c", `{"payload":"..","signatures":[]}`} {
		_, err := v.Verify(t.Context(), text, "us")
		expect(t, text[:min(len(text), 20)], err, errs.Unauthenticated)
	}
	_, err = v.Verify(t.Context(), token, "others")
	expect(t, "another audience", err, errs.Unauthenticated)
	if said, err := ClaimedIssuer(token); said != i.URL || err != nil {
		t.Errorf("claims %q, %v", said, err)
	}
}

type never struct{ t *testing.T }

func (n never) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("%s was asked", r.URL)
	return nil, http.ErrServerClosed
}

// An issuer cannot lead us to endpoints in the clear.
func TestEndpointsInTheClear(t *testing.T) {
	t.Parallel()
	g := &guarded{never{t}, false}
	for _, address := range []string{"http://id.example.org/token", "http://127.0.0.1.example.org/", "ftp://id.example.org/"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := g.RoundTrip(r); err == nil {
			t.Errorf("%s answered %s", address, answer.Status)
		}
	}
}
