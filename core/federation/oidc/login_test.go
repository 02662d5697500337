package oidc

import (
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
	"github.com/packhouse/packhouse/core/testkit/issuer"
)

// TestLogInWithAProvider goes the whole way with a provider that is not ours.
func TestLogInWithAProvider(t *testing.T) {
	t.Parallel()
	m := issuer.Provider(t)
	accounts, users := newAccounts(t)
	at := &clock{}
	l := newLogin(t, accounts, at, corp(m.Issuer(), m.ClientID, m.ClientSecret, map[string]any{
		"groups": map[string]any{"dev": "developers"}, "scopes": []any{"openid", "email", "profile", "groups"}}))
	come := func(subject, name, email string) (*auth.User, url.Values, string, error) {
		m.QueueUser(&mockoidc.MockUser{Subject: subject, PreferredUsername: name, Email: email, Groups: []string{"dev"}})
		address, cookie, err := l.Begin(t.Context(), "corp", callback, "/pulp/api/v3/?limit=1")
		if err != nil {
			t.Fatal(err)
		}
		answer := visit(t, address)
		user, next, err := l.Finish(t.Context(), "corp", answer, cookie)
		if err == nil && next != "/pulp/api/v3/?limit=1" {
			t.Errorf("goes on to %q", next)
		}
		return user, answer, cookie, err
	}
	ann, answer, cookie, err := come("1", "ann", "ann@example.org")
	if err != nil || ann.Username != "ann" || ann.Email != "ann@example.org" || ann.Origin != "oidc:corp" || ann.Via != "oidc corp" || ann.IsSuperuser {
		t.Fatalf("made %+v, %v", ann, err)
	}
	_, _, err = l.Finish(t.Context(), "corp", answer, cookie)
	expect(t, "the same answer again", err, errs.Forbidden)
	again, _, _, err := come("1", "ann2", "new@example.org")
	if err != nil || again.ID != ann.ID || again.Username != "ann" || again.Email != "new@example.org" {
		t.Errorf("second log-in gives %+v, %v", again, err)
	}
	_, _, _, err = come("2", "ann", "ann@example.org")
	expect(t, "another person with the name", err, errs.Forbidden)
	if _, err := users.CreateUser(t.Context(), auth.User{Username: "root", IsActive: true, IsSuperuser: true}, ""); err != nil {
		t.Fatal(err)
	}
	_, _, _, err = come("3", "root", "")
	expect(t, "the name of a local user", err, errs.Forbidden)

	if m.Keypair, err = mockoidc.RandomKeypair(2048); err != nil {
		t.Fatal(err)
	}
	at.forward(fetchEvery)
	if _, _, _, err = come("1", "ann", "ann@example.org"); err != nil {
		t.Errorf("after a change of keys: %v", err)
	}
}

// TestAnswersThatDoNotBelong: each step of a log-in is bound to the browser and the provider that began it.
func TestAnswersThatDoNotBelong(t *testing.T) {
	t.Parallel()
	m := issuer.Provider(t)
	accounts, _ := newAccounts(t)
	at := &clock{}
	other := corp(m.Issuer(), m.ClientID, m.ClientSecret, nil)
	other.Name = "other"
	l := newLogin(t, accounts, at, corp(m.Issuer(), m.ClientID, m.ClientSecret, nil), other)
	begin := func() (url.Values, string) {
		address, cookie, err := l.Begin(t.Context(), "corp", callback, "")
		if err != nil {
			t.Fatal(err)
		}
		return visit(t, address), cookie
	}
	foreign, foreignCookie := begin()
	for name, c := range map[string]struct {
		provider string
		answer   map[string][]string
		cookie   func(own string) string
		later    time.Duration
		want     errs.Kind
	}{
		"state of another log-in": {answer: map[string][]string{"state": foreign["state"]}},
		"no state":                {answer: map[string][]string{"state": nil}},
		"code of another log-in":  {answer: map[string][]string{"code": foreign["code"]}},
		"no code":                 {answer: map[string][]string{"code": nil}},
		"invented code":           {answer: map[string][]string{"code": {"invented"}}},
		"another issuer":          {answer: map[string][]string{"iss": {"https://evil.example.org"}}},
		"an error":                {answer: map[string][]string{"error": {"access_denied"}}},
		"a strange error":         {answer: map[string][]string{"error": {"<script>"}}},
		"another browser":         {cookie: func(string) string { return foreignCookie }},
		"no cookie":               {cookie: func(string) string { return "" }},
		"a changed cookie":        {cookie: func(own string) string { return own[:20] + "AAAA" + own[24:] }},
		"another provider":        {provider: "other"},
		"an unknown provider":     {provider: "none", want: errs.NotFound},
		"too late":                {later: FlowLife},
	} {
		answer, cookie := begin()
		maps.Copy(answer, c.answer)
		if c.cookie != nil {
			cookie = c.cookie(cookie)
		}
		if c.provider == "" {
			c.provider = "corp"
		}
		if c.want == "" {
			c.want = errs.Forbidden
		}
		at.forward(c.later)
		user, _, err := l.Finish(t.Context(), c.provider, answer, cookie)
		at.forward(-c.later)
		expect(t, name, err, c.want)
		if user != nil || strings.Contains(err.Error(), "<") {
			t.Errorf("%s: %v, %v", name, user, err)
		}
	}
}

func TestBeginKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	m := issuer.Provider(t)
	accounts, _ := newAccounts(t)
	l := newLogin(t, accounts, &clock{}, corp(m.Issuer(), m.ClientID, m.ClientSecret, map[string]any{"redirect_uri": "https://public.example.org/auth/oidc/corp/callback/"}))
	address, cookie, err := l.Begin(t.Context(), "corp", callback, "")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) < 40 || len(q.Get("state")) < 40 || len(q.Get("nonce")) < 40 || q.Get("response_type") != "code" {
		t.Errorf("the address lacks something: %s", address)
	}
	if q.Get("redirect_uri") != "https://public.example.org/auth/oidc/corp/callback/" || !strings.HasPrefix(q.Get("scope"), "openid") {
		t.Errorf("the address is wrong: %s", address)
	}
	f, err := l.sealer.open(cookie, "corp", time.Now())
	if err != nil || strings.Contains(address, f.Verifier) || strings.Contains(cookie, f.Verifier) {
		t.Errorf("the verifier is told, or %v", err)
	}
	if _, _, err := l.Begin(t.Context(), "corp", callback, "https://evil.example.org/"); !errs.Is(err, errs.Invalid) {
		t.Errorf("leads elsewhere: %v", err)
	}
	if _, _, err := l.Begin(t.Context(), "none", callback, ""); !errs.Is(err, errs.NotFound) {
		t.Errorf("an unknown provider: %v", err)
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	accounts := new(federation.Accounts)
	for name, change := range map[string]map[string]any{
		"no client":     {"client_id": ""},
		"no issuer":     {"issuer": ""},
		"plain issuer":  {"issuer": "http://id.example.org"},
		"query":         {"issuer": "https://id.example.org/?x=1"},
		"unknown":       {"usernme_claim": "sub"},
		"flag":          {"create_users": "perhaps"},
		"condition":     {"required_claims": map[string]any{"a": ""}},
		"redirect":      {"redirect_uri": "/callback/"},
		"certificates":  {"ca_file": "/nonexistent"},
		"groups a list": {"groups": []any{"a"}},
	} {
		provider := corp("https://id.example.org", "client", "secret", change)
		if _, err := NewLogin(LoginOptions{Providers: []config.Instance{provider}, Secret: config.NewSecret("s"), Accounts: accounts}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*config.Instance){
		"type": func(in *config.Instance) { in.Type = "saml" },
		"name": func(in *config.Instance) { in.Name = "a/b" },
	} {
		provider := corp("https://id.example.org", "client", "secret", nil)
		change(&provider)
		if _, err := NewLogin(LoginOptions{Providers: []config.Instance{provider}, Secret: config.NewSecret("s"), Accounts: accounts}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
