package cli

import (
	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
)

func (c *commands) userDelete() *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a user and the user's sessions",
		Example: `  packhouse user delete ann`,
		Args:    words(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.changeUsers(cmd, func(_ *loaded, users *auth.Users) error {
				user, err := users.FindUser(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				audit.From(cmd.Context()).Object(userPRN(user))
				if err := users.DeleteUser(cmd.Context(), user.ID); err != nil {
					return err
				}
				c.say("deleted the user %s\n", user.Username)
				return nil
			})
		},
	}
}
