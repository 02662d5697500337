package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/federation"
	"github.com/packhouse/packhouse/core/federation/exchange"
	"github.com/packhouse/packhouse/core/federation/oidc"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/issuer"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// signOnBed serves the log-in with a provider on loopback, with a place to come back to.
type signOnBed struct {
	users    *auth.Users
	sessions *auth.Sessions
	provider *mockoidc.MockOIDC
	address  string
}

func newSignOnBed(t *testing.T) *signOnBed {
	t.Helper()
	d := tables.Open(t, testkit.SQLite(t), "")
	b := &signOnBed{users: auth.NewUsers(d, auth.NewHasher()), provider: issuer.Provider(t)}
	var err error
	if b.sessions, err = auth.NewSessions(b.users, time.Hour); err != nil {
		t.Fatal(err)
	}
	login, err := oidc.NewLogin(oidc.LoginOptions{Secret: config.NewSecret("secret"), Accounts: federation.NewAccounts(d, b.users), Providers: []config.Instance{
		{Name: "corp", Type: "oidc", Parameters: map[string]any{"issuer": b.provider.Issuer(), "client_id": b.provider.ClientID, "client_secret": b.provider.ClientSecret}}}})
	if err != nil {
		t.Fatal(err)
	}
	s := documented(t)
	s.SignOn, s.Identity, s.Log, s.RequestTimeout = login, &auth.Identifier{Users: b.users, Sessions: b.sessions}, slog.New(slog.DiscardHandler), time.Minute
	b.address = serveParts(t, mountFunc(func(r fiber.Router) {
		s.mountSignOn(r)
		r.Get("/welcome/", func(c *fiber.Ctx) error { return c.SendString("welcome") })
	}))
	return b
}

type mountFunc func(fiber.Router)

func (m mountFunc) Mount(r fiber.Router) { m(r) }

// serveParts serves until the test ends and gives the address.
func serveParts(t *testing.T, parts ...Part) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, time.Second, parts...) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func visit(t *testing.T, browser *http.Client, address string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func (b *signOnBed) cookies(t *testing.T, browser *http.Client) map[string]string {
	t.Helper()
	u, err := url.Parse(b.address + "/")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, c := range browser.Jar.Cookies(u) {
		found[c.Name] = c.Value
	}
	return found
}

// TestABrowserLogsInWithAProvider goes from the first click to the session, as a browser does.
func TestABrowserLogsInWithAProvider(t *testing.T) {
	t.Parallel()
	b, browser := newSignOnBed(t), newBrowser(t)
	b.provider.QueueUser(&mockoidc.MockUser{Subject: "1", PreferredUsername: "ann", Email: "ann@example.org"})
	answer, text := visit(t, browser, b.address+"/auth/oidc/corp/login/?next=/welcome/")
	if answer.StatusCode != 200 || text != "welcome" || answer.Request.URL.Path != "/welcome/" {
		t.Fatalf("ended at %s: %s %s", answer.Request.URL, answer.Status, text)
	}
	have := b.cookies(t, browser)
	if have[signOnCookie] != "" {
		t.Error("the cookie of the log-in is still there")
	}
	user, csrf, err := b.sessions.Session(t.Context(), have[auth.SessionCookie])
	if err != nil || user.Username != "ann" || csrf != have[auth.CSRFCookie] || user.LastLogin == nil {
		t.Errorf("the session is of %v, %v", user, err)
	}
}

func TestACodeIsOfNoUseToOthers(t *testing.T) {
	t.Parallel()
	b := newSignOnBed(t)
	stop := newBrowser(t)
	stop.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.Contains(r.URL.Path, "/callback/") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	b.provider.QueueUser(&mockoidc.MockUser{Subject: "1", PreferredUsername: "ann"})
	answer, _ := visit(t, stop, b.address+"/auth/oidc/corp/login/")
	back := answer.Header.Get("Location")
	other := newBrowser(t)
	if answer, text := visit(t, other, back); answer.StatusCode != 403 || answer.Header.Get("WWW-Authenticate") != "" || len(b.cookies(t, other)) != 0 {
		t.Errorf("another browser: %s %s", answer.Status, text)
	}
	for path, want := range map[string]int{
		"/auth/oidc/corp/callback/?code=x&state=y":              403,
		"/auth/oidc/none/login/":                                404,
		"/auth/oidc/none/callback/":                             404,
		"/auth/oidc/corp/login/?next=https://evil.example.org/": 400,
		"/auth/oidc/corp/login/?next=//evil.example.org":        400,
		"/auth/oidc/corp/callback/?code=%zz":                    400,
	} {
		if answer, text := visit(t, other, b.address+path); answer.StatusCode != want {
			t.Errorf("%s: %s %s; want %d", path, answer.Status, text, want)
		}
	}
}

// TestTokensAreExchanged sends what CI systems send, by form and by JSON.
func TestTokensAreExchanged(t *testing.T) {
	t.Parallel()
	d := tables.Open(t, testkit.SQLite(t), "")
	users, i, log := auth.NewUsers(d, auth.NewHasher()), issuer.New(t), slog.New(slog.DiscardHandler)
	if _, err := users.CreateUser(t.Context(), auth.User{Username: "ci", IsActive: true, IsServiceAccount: true}, ""); err != nil {
		t.Fatal(err)
	}
	tokens, err := auth.NewTokens(users, 0, log)
	if err != nil {
		t.Fatal(err)
	}
	rule := config.Instance{Name: "main", Type: "oidc", Parameters: map[string]any{"issuer": i.URL, "audience": "us", "claims": map[string]any{"sub": "job"},
		"user": "ci", "permissions": []any{"file.*"}}}
	s := documented(t)
	s.Exchange, err = exchange.New(exchange.Options{Rules: []config.Instance{rule}, Users: users, Tokens: tokens, Log: log,
		Domains: func(context.Context, string) (string, error) { return "", nil }})
	if err != nil {
		t.Fatal(err)
	}
	s.Identity, s.Log, s.Env.MaxBody = &auth.Identifier{Users: users, Tokens: tokens}, log, 1<<20
	address := serveParts(t, s) + "/pulp/api/v3/token-exchange/"
	good := i.Sign(i.Claims("us", time.Now(), map[string]any{"sub": "job"}))
	form := func(token string) string {
		return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}}.Encode()
	}
	object, err := json.Marshal(map[string]string{"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": good, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kind, body, wrong string
	}{
		"form":          {"application/x-www-form-urlencoded", form(good), ""},
		"JSON":          {"application/json", string(object), ""},
		"no token":      {"application/x-www-form-urlencoded", form(""), "invalid_request"},
		"token twice":   {"application/x-www-form-urlencoded", form(good) + "&subject_token=x", "invalid_request"},
		"another grant": {"application/json", `{"grant_type":"password"}`, "unsupported_grant_type"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", c.kind)
		request.Header.Set("Authorization", "Bearer wrong") // does not matter here
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var said map[string]any
		err = json.NewDecoder(answer.Body).Decode(&said)
		_ = answer.Body.Close()
		if err != nil || answer.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %s, %v", name, answer.Status, err)
		}
		if c.wrong != "" {
			if answer.StatusCode != 400 || said["error"] != c.wrong {
				t.Errorf("%s: %s %v", name, answer.Status, said)
			}
			continue
		}
		text, _ := said["access_token"].(string)
		if user, err := tokens.Token(t.Context(), text); answer.StatusCode != 200 || err != nil || user.Username != "ci" || said["token_type"] != "Bearer" {
			t.Errorf("%s: %s %v, %v", name, answer.Status, user, err)
		}
	}
}
