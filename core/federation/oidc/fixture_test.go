package oidc

import (
	"maps"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
	"github.com/packhouse/packhouse/core/testkit"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

const callback = "http://packages.example.org/auth/oidc/corp/callback/"

// clock is ahead of the system's by as much as a test wants.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// newAccounts is a fresh database of users.
func newAccounts(t *testing.T) (*federation.Accounts, *auth.Users) {
	t.Helper()
	d := tables.Open(t, testkit.SQLite(t), "")
	users := auth.NewUsers(d, auth.NewHasher())
	return federation.NewAccounts(d, users), users
}

func newLogin(t *testing.T, accounts *federation.Accounts, at *clock, providers ...config.Instance) *Login {
	t.Helper()
	l, err := NewLogin(LoginOptions{Providers: providers, Secret: config.NewSecret("a secret of this installation"), Accounts: accounts, Now: at.now})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// corp is a provider with changes to its parameters.
func corp(issuer, client, secret string, changes map[string]any) config.Instance {
	parameters := map[string]any{"issuer": issuer, "client_id": client, "client_secret": config.NewSecret(secret)}
	maps.Copy(parameters, changes)
	return config.Instance{Name: "corp", Type: "oidc", Parameters: parameters}
}

// visit follows one address as a browser does, up to the redirect, and gives the query that the provider sends along.
func visit(t *testing.T, address string) url.Values {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	target, err := answer.Location()
	if err != nil {
		t.Fatalf("the provider answered %s: %v", answer.Status, err)
	}
	if at := target.Scheme + "://" + target.Host + target.Path; at != callback {
		t.Fatalf("the provider sends to %s", at)
	}
	return target.Query()
}

func expect(t *testing.T, name string, err error, want errs.Kind) {
	t.Helper()
	if errs.KindOf(err) != want {
		t.Errorf("%s: %v; want kind %q", name, err, want)
	}
}
