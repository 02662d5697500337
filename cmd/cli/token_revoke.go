package cli

import (
	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
)

func (c *commands) tokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "Revoke a token and those that were made with it",
		Example: `  packhouse token revoke 0199d2c8-5b7a-7c3e-9a51-3f2d8c1b0e4f`,
		Args:    words(1, 1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.changeTokens(cmd, func(_ *db.DB, _ *auth.Users, tokens *auth.Tokens) error {
				audit.From(cmd.Context()).Object(ident.PRN("core.token", args[0]))
				if err := tokens.RevokeToken(cmd.Context(), args[0]); err != nil {
					return err
				}
				c.say("revoked the token %s\n", args[0])
				return nil
			})
		},
	}
}
