package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

func (c *commands) tokenCreate() *cobra.Command {
	var user string
	var life lifetime
	var scope auth.Scope
	var domains []string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a token and print it",
		Long: `The token may do what its user may do and its permissions name, and nothing else. Each permission is a pattern such as
file.view_filerepository, file.view_* or *.*. With --object nothing but these objects can be reached.`,
		Example: `  packhouse token create nightly --user ci --permission 'file.*' --expires-in 30d
  packhouse token create all --user admin --permission '*.*'`,
		Args: words(1, 1, "NAME --user USER --permission PATTERN…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if user == "" || len(scope.Permissions) == 0 {
				return misused("a token needs --user and at least one --permission")
			}
			return c.changeTokens(cmd, func(d *db.DB, users *auth.Users, tokens *auth.Tokens) error {
				of, err := users.FindUser(cmd.Context(), user)
				if err != nil {
					return err
				}
				if !of.IsActive {
					return errs.New(errs.Invalid, "the user %s is deactivated; a token would open nothing", of.Username)
				}
				if scope.Domains, err = domainsNamed(cmd.Context(), d, domains); err != nil {
					return err
				}
				row, text, err := makeToken(cmd.Context(), d, tokens, auth.NewToken{User: of, Name: args[0], Scope: scope, ExpiresAt: after(time.Duration(life))})
				if err != nil {
					return err
				}
				c.say("created the token %s (%s) for the user %s; it is shown this once\n", row.Name, row.ID, of.Username)
				return c.print("%s\n", text)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&user, "user", "", "`NAME` of the user whom it logs in")
	flags.StringArrayVar(&scope.Permissions, "permission", nil, "`PATTERN` of permissions that it is good for; may be repeated")
	flags.StringArrayVar(&domains, "domain", nil, "`NAME` of a domain that it is good for; may be repeated, none means all")
	flags.StringArrayVar(&scope.Objects, "object", nil, "`PRN` of an object that it is good for; may be repeated, none means all")
	flags.Var(&life, "expires-in", "`TIME` that it lives, such as 30d or 12h; without, as long as is allowed")
	return cmd
}

// makeToken makes a token in a transaction that knows it when its entry of the audit log is written.
func makeToken(ctx context.Context, d *db.DB, tokens *auth.Tokens, want auth.NewToken) (row *auth.Token, text string, err error) {
	err = d.InTx(ctx, func(tx *db.Tx) (err error) {
		if row, text, err = tokens.CreateTokenIn(tx, want); err == nil {
			audit.From(ctx).Object(ident.PRN("core.token", row.ID))
		}
		return err
	})
	return row, text, err
}

// domainsNamed gives the identities of domains, as the scope of a token keeps them.
func domainsNamed(ctx context.Context, d *db.DB, names []string) (ids []string, err error) {
	for _, name := range names {
		row, err := domainNamed(ctx, d, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, row.ID)
	}
	return ids, nil
}

// after is the moment at the end of a time from now, nil for no time.
func after(life time.Duration) *time.Time {
	if life == 0 {
		return nil
	}
	end := time.Now().Add(life)
	return &end
}
