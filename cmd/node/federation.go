package node

import (
	"context"
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
	"github.com/packhouse/packhouse/core/federation/exchange"
	"github.com/packhouse/packhouse/core/federation/ldap"
	"github.com/packhouse/packhouse/core/federation/oidc"
	"github.com/packhouse/packhouse/core/model"
)

// newDirectories makes what knows passwords that are kept elsewhere.
func (n *Node) newDirectories(users *auth.Users) ([]auth.PasswordBackend, error) {
	a := n.settings().Authentication
	if a.LDAP.URL == "" {
		return nil, nil
	}
	directory, err := ldap.New(ldap.Options{Settings: a.LDAP, Accounts: federation.NewAccounts(n.db, users),
		Remember: time.Duration(a.CacheSeconds) * time.Second, Log: n.o.Log})
	if err != nil {
		return nil, fmt.Errorf("authentication.ldap: %w", err)
	}
	return []auth.PasswordBackend{directory}, nil
}

// newSignOn makes the log-in with providers, nil where the settings name none: it needs the secret key.
func (n *Node) newSignOn(users *auth.Users) (api.SignOn, error) {
	s := n.settings()
	if len(s.Authentication.OIDC) == 0 {
		return nil, nil
	}
	key, err := config.EnsureSecretKey(s)
	if err != nil {
		return nil, err
	}
	return oidc.NewLogin(oidc.LoginOptions{Providers: s.Authentication.OIDC, Secret: key, Accounts: federation.NewAccounts(n.db, users), Log: n.o.Log})
}

// newExchange makes the exchange of tokens; without rules it takes none.
func (n *Node) newExchange(users *auth.Users, tokens *auth.Tokens) (*exchange.Exchange, error) {
	return exchange.New(exchange.Options{Rules: n.settings().Authentication.TokenExchange, Users: users, Tokens: tokens, Domains: n.domainNamed, Log: n.o.Log})
}

// domainNamed finds the identity of a domain.
func (n *Node) domainNamed(ctx context.Context, name string) (string, error) {
	var found []model.Domain
	if err := n.db.Read(ctx).Select("id").Where("name = ?", name).Limit(1).Find(&found).Error; err != nil {
		return "", fmt.Errorf("look for domain %s: %w", name, err)
	}
	if len(found) == 0 {
		return "", errs.New(errs.NotFound, "There is no domain %q; look at the list of domains.", name)
	}
	return found[0].ID, nil
}
