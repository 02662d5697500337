package exchange

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/issuer"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// bed is an installation with a service account "ci" and an issuer of CI jobs.
type bed struct {
	*issuer.Issuer
	db     *db.DB
	users  *auth.Users
	tokens *auth.Tokens
	ahead  time.Duration
}

func newBed(t *testing.T) *bed {
	t.Helper()
	d := tables.Open(t, testkit.SQLite(t), "")
	users := auth.NewUsers(d, auth.NewHasher())
	tokens, err := auth.NewTokens(users, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []auth.User{{Username: "ci", IsActive: true, IsServiceAccount: true}, {Username: "annabel", IsActive: true}, {Username: "idle", IsServiceAccount: true}} {
		if _, err := users.CreateUser(t.Context(), user, ""); err != nil {
			t.Fatal(err)
		}
	}
	return &bed{Issuer: issuer.New(t), db: d, users: users, tokens: tokens}
}

func (b *bed) now() time.Time { return time.Now().Add(b.ahead) }

func (b *bed) exchange(t *testing.T, rules ...config.Instance) *Exchange {
	t.Helper()
	e, err := New(Options{Rules: rules, Users: b.users, Tokens: b.tokens, Domains: domains, Now: b.now})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func domains(_ context.Context, name string) (string, error) {
	if name == "team" {
		return "0191aaaa-0000-7000-8000-000000000001", nil
	}
	return "", errs.New(errs.NotFound, "none")
}

// rule lets jobs of main of one repository write; changes are to its parameters.
func (b *bed) rule(name string, changes map[string]any) config.Instance {
	parameters := map[string]any{"issuer": b.URL, "audience": "packhouse", "claims": map[string]any{"sub": "repo:org/*:ref:refs/heads/main"},
		"user": "ci", "permissions": []any{"file.view_*", "file.modify_filerepository"}}
	maps.Copy(parameters, changes)
	return config.Instance{Name: name, Type: "oidc", Parameters: parameters}
}

// job is the token of a job with changes to its claims.
func (b *bed) job(changes map[string]any) string {
	all := map[string]any{"sub": "repo:org/app:ref:refs/heads/main"}
	maps.Copy(all, changes)
	return b.Sign(b.Claims("packhouse", b.now(), all))
}

func asked(token string, changes map[string]any) map[string]any {
	values := map[string]any{"grant_type": grantType, "subject_token": token, "subject_token_type": typeJWT}
	maps.Copy(values, changes)
	return values
}

func TestAJobGetsAToken(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	e := b.exchange(t, b.rule("deploy", map[string]any{"claims": map[string]any{"sub": "repo:org/app:ref:refs/tags/*"}, "lifetime": "5m", "domains": []any{"team"}}), b.rule("main", nil))
	answer, err := e.Exchange(t.Context(), asked(b.job(nil), nil))
	if err != nil {
		t.Fatal(err)
	}
	if answer.TokenType != "Bearer" || answer.IssuedTokenType != typeAccessToken || answer.ExpiresIn != 900 || answer.Scope != "file.view_* file.modify_filerepository" {
		t.Errorf("answered %+v", answer)
	}
	user, err := b.tokens.Token(t.Context(), answer.AccessToken)
	if err != nil || user.Username != "ci" || !strings.Contains(user.Via, "main: repo:org/app") {
		t.Fatalf("the token is of %v via %q, %v", user, user.Via, err)
	}
	if !user.Scope.Allows("file.view_filerepository", "") || user.Scope.Allows("file.delete_filerepository", "") {
		t.Errorf("scope %+v", user.Scope)
	}
	all, err := b.tokens.ListTokens(t.Context(), 0)
	if err != nil || len(all) != 1 || all[0].ExpiresAt == nil || time.Until(*all[0].ExpiresAt) > 15*time.Minute {
		t.Errorf("tokens %v, %v", all, err)
	}
	tag, err := e.Exchange(t.Context(), asked(b.job(map[string]any{"sub": "repo:org/app:ref:refs/tags/v1"}), map[string]any{"scope": "file.view_filerepository", "subject_token_type": typeIDToken}))
	if err != nil || tag.ExpiresIn != 300 || tag.Scope != "file.view_filerepository" {
		t.Fatalf("first rule and part of its scope: %+v, %v", tag, err)
	}
	user, err = b.tokens.Token(t.Context(), tag.AccessToken)
	if err != nil || !slices.Equal(user.Scope.Domains, []string{"0191aaaa-0000-7000-8000-000000000001"}) || user.Scope.Allows("file.modify_filerepository", "") {
		t.Errorf("scope %+v, %v", user.Scope, err)
	}
}

func TestWhoGetsNone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	stranger := issuer.New(t)
	e := b.exchange(t, b.rule("person", map[string]any{"claims": map[string]any{"kind": "person"}, "user": "annabel"}),
		b.rule("idle", map[string]any{"claims": map[string]any{"kind": "idle"}, "user": "idle"}), b.rule("gone", map[string]any{"claims": map[string]any{"kind": "gone"}, "user": "gone"}),
		b.rule("domain", map[string]any{"claims": map[string]any{"kind": "domain"}, "domains": []any{"none"}}), b.rule("main", nil))
	now := b.now()
	claims := b.Claims("packhouse", now, map[string]any{"sub": "repo:org/app:ref:refs/heads/main"})
	good := b.Sign(claims)
	for name, c := range map[string]struct {
		values map[string]any
		code   string
	}{
		"good":                {asked(good, nil), ""},
		"parameters unknown":  {asked(good, map[string]any{"more": "x"}), ""},
		"nothing":             {nil, "invalid_request"},
		"another grant":       {asked(good, map[string]any{"grant_type": "password"}), "unsupported_grant_type"},
		"no token":            {asked("", nil), "invalid_request"},
		"no JWT":              {asked("a.b.c", nil), "invalid_request"},
		"number":              {asked(good, map[string]any{"subject_token": 1}), "invalid_request"},
		"twice":               {asked(good, map[string]any{"subject_token": []any{good, good}}), "invalid_request"},
		"another type":        {asked(good, map[string]any{"subject_token_type": typeAccessToken}), "invalid_request"},
		"another wish":        {asked(good, map[string]any{"requested_token_type": typeJWT}), "invalid_request"},
		"for somebody":        {asked(good, map[string]any{"actor_token": good}), "invalid_request"},
		"for another server":  {asked(good, map[string]any{"audience": "other"}), "invalid_target"},
		"more than the rule":  {asked(good, map[string]any{"scope": "file.view_* *.*"}), "invalid_scope"},
		"scope not readable":  {asked(good, map[string]any{"scope": "everything"}), "invalid_scope"},
		"another audience":    {asked(b.job(map[string]any{"aud": "other"}), nil), "invalid_request"},
		"several audiences":   {asked(b.job(map[string]any{"aud": []string{"other", "packhouse"}}), nil), ""},
		"another branch":      {asked(b.job(map[string]any{"sub": "repo:org/app:ref:refs/heads/main2"}), nil), "invalid_request"},
		"tricky environment":  {asked(b.job(map[string]any{"sub": "repo:org/app:environment:x:ref:refs/heads/main"}), nil), "invalid_request"},
		"another issuer":      {asked(stranger.Sign(stranger.Claims("packhouse", now, claims)), nil), "invalid_request"},
		"unknown issuer":      {asked(stranger.Sign(stranger.Claims("packhouse", now, nil)), nil), "invalid_request"},
		"over":                {asked(b.job(map[string]any{"exp": now.Add(-time.Second).Unix()}), nil), "invalid_request"},
		"not yet":             {asked(b.job(map[string]any{"nbf": now.Add(time.Hour).Unix()}), nil), "invalid_request"},
		"made tomorrow":       {asked(b.job(map[string]any{"iat": now.Add(time.Hour).Unix()}), nil), "invalid_request"},
		"never made":          {asked(b.job(map[string]any{"iat": nil}), nil), "invalid_request"},
		"HS256":               {asked(b.SignWith(jose.HS256, []byte(strings.Repeat("k", 32)), claims), nil), "invalid_request"},
		"none":                {asked("eyJhbGciOiJub25lIn0."+strings.Split(good, ".")[1]+".", nil), "invalid_request"},
		"a person":            {asked(b.job(map[string]any{"kind": "person"}), nil), "invalid_request"},
		"an idle account":     {asked(b.job(map[string]any{"kind": "idle"}), nil), "invalid_request"},
		"an account that was": {asked(b.job(map[string]any{"kind": "gone"}), nil), "invalid_request"},
		"a domain that was":   {asked(b.job(map[string]any{"kind": "domain"}), nil), "invalid_request"},
	} {
		answer, err := e.Exchange(t.Context(), c.values)
		wrong := AsFault(err)
		if c.code == "" && err != nil || c.code != "" && (wrong == nil || wrong.Code != c.code) || (answer == nil) != (c.code != "") {
			t.Errorf("%s: %+v, %v; want %q", name, answer, err, c.code)
		}
		if wrong != nil && (strings.Contains(wrong.Description, good) || strings.Contains(wrong.Description, "annabel")) {
			t.Errorf("%s tells too much: %v", name, wrong)
		}
	}
	b.Down(true)
	fresh := b.exchange(t, b.rule("main", nil))
	if _, err := fresh.Exchange(t.Context(), asked(good, nil)); !errs.Is(err, errs.Unavailable) {
		t.Errorf("the issuer is down: %v", err)
	}
	none := b.exchange(t)
	if _, err := none.Exchange(t.Context(), asked(good, nil)); AsFault(err) == nil {
		t.Errorf("without rules: %v", err)
	}
}

func TestRulesThatCannotBe(t *testing.T) {
	t.Parallel()
	b := &bed{Issuer: &issuer.Issuer{URL: "https://ci.example.org"}}
	for name, change := range map[string]map[string]any{
		"no issuer":       {"issuer": ""},
		"issuer in clear": {"issuer": "http://ci.example.org"},
		"no audience":     {"audience": ""},
		"no claims":       {"claims": nil},
		"empty claim":     {"claims": map[string]any{"sub": ""}},
		"no user":         {"user": ""},
		"no permissions":  {"permissions": nil},
		"bad permission":  {"permissions": []any{"all"}},
		"too long":        {"lifetime": "2h"},
		"too short":       {"lifetime": "1s"},
		"no time":         {"lifetime": "soon"},
		"unknown":         {"lifetme": "5m"},
	} {
		if _, err := newAndClosed(b.rule("rule", change)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	two := b.rule("second", map[string]any{"allow_insecure": true})
	if _, err := newAndClosed(b.rule("first", nil), two); !errs.Is(err, errs.Invalid) {
		t.Errorf("one issuer trusted in two ways: %v", err)
	}
	other := b.rule("first", nil)
	other.Type = "saml"
	if _, err := newAndClosed(other); !errs.Is(err, errs.Invalid) {
		t.Errorf("another type: %v", err)
	}
}

func newAndClosed(rules ...config.Instance) (*Exchange, error) {
	return New(Options{Rules: rules, Users: (*auth.Users)(nil), Tokens: (*auth.Tokens)(nil), Domains: domains})
}

// FuzzRequest: a body either names a token of the right types, or is told what is wrong.
func FuzzRequest(f *testing.F) {
	f.Add(grantType, "a.b.c", typeJWT, "x y", "")
	f.Add("", "", "", "", "\x00")
	f.Fuzz(func(t *testing.T, grant, token, kind, scope, more string) {
		got, wrong := parseRequest(map[string]any{"grant_type": grant, "subject_token": token, "subject_token_type": kind, "scope": scope, more: more})
		if wrong == nil && (grant != grantType && more != "grant_type" || got.token == "") {
			t.Fatalf("took %q %q %q", grant, token, kind)
		}
		if wrong != nil && (wrong.Code == "" || wrong.Description == "" || got.token != "") {
			t.Fatalf("%+v, %+v", got, wrong)
		}
	})
}
