package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
)

func (c *commands) token() *cobra.Command {
	return group(&cobra.Command{
		Use:   "token",
		Short: "Create, list and revoke API tokens",
		Long: `Works on the database itself, so it needs no password, and works beside a running packhouse serve. A new token is
printed once on standard output and kept nowhere.`,
		Example: `  packhouse token create nightly --user ci --permission 'file.*' --expires-in 30d
  packhouse token list`,
	}, c.tokenCreate(), c.tokenList(), c.tokenRevoke())
}

// withTokens opens the tokens of a database that is up to date.
func (c *commands) withTokens(ctx context.Context, work func(d *db.DB, users *auth.Users, tokens *auth.Tokens) error) error {
	return c.withDatabase(ctx, func(l *loaded, d *db.DB) error {
		do := tokensOf(func(users *auth.Users, tokens *auth.Tokens) error { return work(d, users, tokens) })
		return do(l, auth.NewUsers(d, auth.NewHasher()))
	})
}

// tokensOf makes work on users and tokens one on users.
func tokensOf(work func(users *auth.Users, tokens *auth.Tokens) error) func(l *loaded, users *auth.Users) error {
	return func(l *loaded, users *auth.Users) error {
		tokens, err := auth.NewTokens(users, time.Duration(l.Settings.Authentication.TokenMaxDays)*24*time.Hour, l.log)
		if err != nil {
			return err
		}
		return work(users, tokens)
	}
}
