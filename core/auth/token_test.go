package auth

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

func (f *fixture) tokens(t testing.TB, longest time.Duration) *Tokens {
	t.Helper()
	tokens, err := NewTokens(f.users, longest, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func anything() Scope { return Scope{Permissions: []string{"*.*"}} }

func (f *fixture) token(t *testing.T, tokens *Tokens, want NewToken) (*Token, string) {
	t.Helper()
	row, text, err := tokens.CreateToken(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return row, text
}

func TestATokenHasAForm(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		text := newTokenText()
		if len(text) != 53 || !strings.HasPrefix(text, "phk_") || !IsToken(text) || seen[text] {
			t.Fatalf("%q is not a new token", text)
		}
		seen[text] = true
		for i := range text {
			broken := []byte(text)
			broken[i] ^= 1
			if IsToken(string(broken)) {
				t.Errorf("%q passes for a token", broken)
			}
		}
	}
	for _, text := range []string{"", "phk_", "phk_" + strings.Repeat("0", 49), strings.Repeat("x", 53)} {
		if IsToken(text) {
			t.Errorf("%q passes for a token", text)
		}
	}
}

func FuzzIsToken(f *testing.F) {
	f.Add(newTokenText())
	f.Add("phk_")
	f.Fuzz(func(t *testing.T, text string) {
		if IsToken(text) && (len(text) != 53 || tokenSum(text[:47]) != text[47:]) {
			t.Fatalf("%q passes for a token", text)
		}
	})
}

func TestATokenLogsIn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ann, tokens := f.user(t, "ann"), f.tokens(t, 0)
	end := f.clock.now().Add(time.Hour)
	row, text := f.token(t, tokens, NewToken{User: ann, Name: "nightly", Scope: Scope{Permissions: []string{"file.view_*"}, Objects: []string{"prn:a.b:c"}}, ExpiresAt: &end})
	if row.SecretHash == "" || strings.Contains(row.SecretHash, text) || row.ParentID != nil {
		t.Errorf("the row is %+v", *row)
	}
	user, err := tokens.Token(t.Context(), text)
	if err != nil || user.Username != "ann" || user.Via != "token nightly" || user.TokenID != row.ID || !slices.Equal(user.Scope.Permissions, []string{"file.view_*"}) || !slices.Equal(user.Scope.Objects, []string{"prn:a.b:c"}) {
		t.Fatalf("%+v, %v", user, err)
	}
	_, other := f.token(t, tokens, NewToken{User: ann, Name: "other", Scope: anything()})
	for what, change := range map[string]func(){
		"unknown": func() {}, "over": func() { f.clock.forward(time.Hour) },
	} {
		asked := text
		if what == "unknown" {
			asked = newTokenText()
		}
		change()
		if _, err := tokens.Token(t.Context(), asked); errs.KindOf(err) != errs.Unauthenticated || what != "unknown" && err.Error() != tokenRefused().Error() {
			t.Errorf("a token that is %s: %v", what, err)
		}
	}
	f.exec(t, "UPDATE core_users SET is_active = ? WHERE id = ?", false, ann.ID)
	if _, err := tokens.Token(t.Context(), other); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("a token of a deactivated user: %v", err)
	}
	f.exec(t, "UPDATE core_users SET is_active = ? WHERE id = ?", true, ann.ID)
	if _, err := tokens.Token(t.Context(), other); err != nil {
		t.Error(err)
	}
	if err := f.users.DeleteUser(t.Context(), ann.ID); err != nil {
		t.Fatal(err)
	}
	if left, err := tokens.ListTokens(t.Context(), 0); err != nil || len(left) != 0 {
		t.Errorf("tokens of a deleted user: %v, %v", left, err)
	}
}

func TestTheUseOfATokenIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ann, tokens := f.user(t, "ann"), f.tokens(t, 0)
	_, text := f.token(t, tokens, NewToken{User: ann, Name: "x", Scope: anything()})
	use := func() time.Time {
		t.Helper()
		if _, err := tokens.Token(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		rows, err := tokens.ListTokens(t.Context(), ann.ID)
		if err != nil || len(rows) != 1 || rows[0].LastUsedAt == nil {
			t.Fatalf("%v, %v", rows, err)
		}
		return *rows[0].LastUsedAt
	}
	first := use()
	f.clock.forward(59 * time.Second)
	if again := use(); !again.Equal(first) {
		t.Errorf("it was noted after 59 seconds: %s, %s", first, again)
	}
	f.clock.forward(time.Second)
	if later := use(); !later.Equal(f.clock.now()) {
		t.Errorf("it was not noted after a minute: %s", later)
	}
}

func TestATokenCannotMakeAStrongerOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ann, tokens := f.user(t, "ann"), f.tokens(t, 0)
	end := f.clock.now().Add(time.Hour)
	parent, text := f.token(t, tokens, NewToken{User: ann, Name: "parent", Scope: Scope{Permissions: []string{"file.*", "core.add_token"}, Domains: []string{"d1", "d2"}}, ExpiresAt: &end})
	by, err := tokens.Token(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []Scope{
		anything(), {Permissions: []string{"file.view_*"}}, {Permissions: []string{"rpm.view_x"}, Domains: []string{"d1"}}, {Permissions: []string{"*.view_x"}, Domains: []string{"d1"}},
		{Permissions: []string{"file.*"}, Domains: []string{"d1", "d3"}},
	} {
		if _, _, err := tokens.CreateToken(t.Context(), NewToken{User: by, Name: "x", Scope: scope, By: by}); !errs.Is(err, errs.Forbidden) {
			t.Errorf("%+v: %v", scope, err)
		}
	}
	late := end.Add(time.Hour)
	child, childText := f.token(t, tokens, NewToken{User: by, Name: "child", Scope: Scope{Permissions: []string{"file.view_*"}, Domains: []string{"d1"}}, ExpiresAt: &late, By: by})
	if child.ExpiresAt == nil || !child.ExpiresAt.Equal(end) || child.ParentID == nil || *child.ParentID != parent.ID || *child.CreatedBy != ann.ID {
		t.Errorf("the child is %+v", *child)
	}
	if err := tokens.RevokeToken(t.Context(), parent.ID); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{text, childText} {
		if _, err := tokens.Token(t.Context(), gone); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("a revoked token, or one that was made with it: %v", err)
		}
	}
	if _, _, err := tokens.CreateToken(t.Context(), NewToken{User: by, Name: "x", Scope: Scope{Permissions: []string{"file.view_*"}, Domains: []string{"d1"}}, By: by}); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("made with a token that is revoked: %v", err)
	}
	limited := *ann
	limited.Scope = &Scope{Permissions: []string{"*.*"}}
	if _, _, err := tokens.CreateToken(t.Context(), NewToken{User: ann, Name: "x", Scope: anything(), By: &limited}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("made with a limited log-in that is no token: %v", err)
	}
	if err := tokens.RevokeToken(t.Context(), parent.ID); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}

func TestTheLifeOfTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ann, tokens := f.user(t, "ann"), f.tokens(t, 24*time.Hour)
	at := func(d time.Duration) *time.Time { end := f.clock.now().Add(d); return &end }
	row, _ := f.token(t, tokens, NewToken{User: ann, Name: "x", Scope: anything()})
	if row.ExpiresAt == nil || !row.ExpiresAt.Equal(*at(24 * time.Hour)) {
		t.Errorf("without a wish it lives until %v", row.ExpiresAt)
	}
	f.token(t, tokens, NewToken{User: ann, Name: "x", Scope: anything(), ExpiresAt: at(time.Minute)})
	for name, want := range map[string]NewToken{
		"expires_at": {User: ann, Name: "x", Scope: anything(), ExpiresAt: at(25 * time.Hour)}, "expires_at ": {User: ann, Name: "x", Scope: anything(), ExpiresAt: at(0)},
		"name": {User: ann, Scope: anything()}, "name ": {User: ann, Name: "a\nb", Scope: anything()}, "permissions": {User: ann, Name: "x"},
		"permissions ": {User: ann, Name: "x", Scope: Scope{Permissions: []string{"file"}}}, "permissions  ": {User: ann, Name: "x", Scope: Scope{Permissions: []string{"*a.b"}}},
		"objects": {User: ann, Name: "x", Scope: Scope{Permissions: []string{"*.*"}, Objects: []string{"/pulp/api/v3/"}}},
	} {
		if _, _, err := tokens.CreateToken(t.Context(), want); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.clock.forward(time.Minute)
	if gone, err := tokens.Purge(t.Context()); err != nil || gone != 1 {
		t.Errorf("%d purged, %v", gone, err)
	}
}

// TestCoversIsRight: whatever a covered scope allows, the covering one allows too.
func TestCoversIsRight(t *testing.T) {
	t.Parallel()
	parts := []string{"*", "a", "a*", "ab", "ab*", "b"}
	var scopes []*Scope
	for _, app := range parts {
		for _, code := range parts {
			for _, domains := range [][]string{nil, {"d"}, {"d", "e"}} {
				scopes = append(scopes, &Scope{Permissions: []string{app + "." + code}, Domains: domains})
			}
		}
	}
	covered := 0
	for _, s := range scopes {
		for _, o := range scopes {
			if !s.Covers(o) {
				continue
			}
			covered++
			for _, app := range []string{"a", "ab", "abc", "b", "c"} {
				for _, code := range []string{"a", "ab", "abc", "b", "c"} {
					for _, domain := range []string{"d", "e", "f"} {
						if o.Allows(app+"."+code, domain) && !s.Allows(app+"."+code, domain) {
							t.Fatalf("%+v covers %+v and forbids %s.%s in %s", *s, *o, app, code, domain)
						}
					}
				}
			}
		}
		if !s.Covers(s) || !(*Scope)(nil).Covers(s) || s.Covers(nil) {
			t.Errorf("%+v does not cover itself, or covers everything", *s)
		}
	}
	if covered < len(scopes) {
		t.Errorf("only %d pairs are covered", covered)
	}
}

func TestServiceAccountsHaveTokensOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := f.users.CreateUser(t.Context(), User{Username: "ci", IsActive: true, IsServiceAccount: true}, goodPassword); !errs.Is(err, errs.Invalid) {
		t.Errorf("with a password: %v", err)
	}
	ci, err := f.users.CreateUser(t.Context(), User{Username: "ci", IsActive: true, IsServiceAccount: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.users.SetPassword(t.Context(), ci.ID, goodPassword); !errs.Is(err, errs.Invalid) {
		t.Errorf("a password later: %v", err)
	}
	ann := f.user(t, "ann")
	f.exec(t, "UPDATE core_users SET password = ? WHERE id = ?", ann.Password, ci.ID) // somebody who has the database
	a := f.authenticator(t, time.Minute)
	if cost := f.cost(t, a, "ci", goodPassword, errs.Unauthenticated); cost != 1 {
		t.Errorf("refusing it cost %d hashes", cost)
	}
	sessions, err := NewSessions(f.users, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := sessions.Login(t.Context(), ci); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("a session: %v", err)
	}
	key, _, _, err := sessions.Login(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	f.exec(t, "UPDATE core_users SET is_service_account = ? WHERE id = ?", true, ann.ID)
	if _, _, err := sessions.Session(t.Context(), key); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("a session from before: %v", err)
	}
	f.cost(t, a, "ann", goodPassword, errs.Unauthenticated)
	tokens := f.tokens(t, 0)
	_, text := f.token(t, tokens, NewToken{User: ci, Name: "x", Scope: anything()})
	if _, err := tokens.Token(t.Context(), text); err != nil {
		t.Error(err)
	}
}

func TestNoTextOfATokenIsKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, text := f.token(t, f.tokens(t, 0), NewToken{User: f.user(t, "ann"), Name: "x", Scope: anything()})
	var rows []map[string]any
	if err := f.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Table("core_tokens").Find(&rows).Error }); err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	for column, value := range rows[0] {
		if s, ok := value.(string); ok && strings.Contains(s, text[4:40]) {
			t.Errorf("%s holds the token", column)
		}
	}
}
