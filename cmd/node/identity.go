package node

import (
	"fmt"
	"time"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
)

const day = 24 * time.Hour

// newIdentity makes what finds out who sends a request, for the API and the content server alike.
func (n *Node) newIdentity() (*auth.Identifier, error) {
	s := n.settings()
	users := auth.NewUsers(n.db, auth.NewHasher())
	tokens, err := auth.NewTokens(users, time.Duration(s.Authentication.TokenMaxDays)*day, n.o.Log)
	if err != nil {
		return nil, fmt.Errorf("authentication.token_max_days: %w", err)
	}
	sessions, err := auth.NewSessions(users, time.Duration(s.Authentication.SessionDays)*day)
	if err != nil {
		return nil, fmt.Errorf("authentication.session_days: %w", err)
	}
	proxies, err := auth.ParseProxies(s.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	passwords, err := n.newPasswords(users)
	if err != nil {
		return nil, err
	}
	remote, err := newRemoteUsers(s)
	if err != nil {
		return nil, err
	}
	return &auth.Identifier{Users: users, Passwords: passwords, Sessions: sessions, Tokens: tokens, Proxies: proxies, Remote: remote}, nil
}

// newPasswords makes what checks names and passwords, and counts those that are wrong.
func (n *Node) newPasswords(users *auth.Users) (*auth.Authenticator, error) {
	s := n.settings().Authentication
	passwords, err := auth.NewAuthenticator(users, time.Duration(s.CacheSeconds)*time.Second)
	if err != nil {
		return nil, fmt.Errorf("authentication.cache_seconds: %w", err)
	}
	throttle, err := auth.NewThrottle(n.db, s.MaxFailures, time.Duration(s.LockoutSeconds)*time.Second)
	if err != nil {
		return nil, fmt.Errorf("authentication.lockout_seconds: %w", err)
	}
	directories, err := n.newDirectories(users)
	if err != nil {
		return nil, err
	}
	passwords.Use(throttle, directories...)
	if s.RemoteUserHeader+s.JSONHeader != "" {
		passwords.KeepNames()
	}
	return passwords, nil
}

// newRemoteUsers says how proxies name users.
func newRemoteUsers(s config.Settings) (auth.RemoteUsers, error) {
	a := s.Authentication
	remote := auth.RemoteUsers{Header: a.RemoteUserHeader, JSONHeader: a.JSONHeader, Create: a.CreateRemoteUsers}
	if a.JSONHeader == "" {
		return remote, nil
	}
	var err error
	if remote.Filter, err = auth.ParseFilter(a.JSONHeaderJQFilter); err != nil {
		return remote, fmt.Errorf("authentication.json_header_jq_filter: %w", err)
	}
	return remote, nil
}
