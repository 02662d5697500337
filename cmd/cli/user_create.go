package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/auth"
)

func (c *commands) userCreate() *cobra.Command {
	var from passwordSource
	user := auth.User{IsActive: true}
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a user",
		Example: `  packhouse user create ann --email ann@example.org
  packhouse user create ci --service-account
  echo "$PASSWORD" | packhouse user create ann --superuser --stdin`,
		Args: words(1, 1, "NAME [--superuser] [--stdin | --random | --service-account]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			user.Username, user.IsStaff = args[0], user.IsSuperuser
			if user.IsServiceAccount && (from.stdin || from.random) {
				return misused("a service account has no password: leave out --stdin and --random, and make a token for it")
			}
			return c.changeUsers(cmd, func(_ *loaded, users *auth.Users) error {
				password, err := c.firstPassword(cmd.Context(), user, from)
				if err != nil {
					return err
				}
				made, err := users.CreateUser(cmd.Context(), user, password)
				if err != nil {
					return err
				}
				c.say("created the user %s (%d)\n", made.Username, made.ID)
				return c.reveal(from, password)
			})
		},
	}
	from.flags(cmd)
	cmd.Flags().BoolVar(&user.IsSuperuser, "superuser", false, "may do everything")
	cmd.Flags().BoolVar(&user.IsServiceAccount, "service-account", false, "a machine: no password, only tokens")
	cmd.Flags().StringVar(&user.Email, "email", "", "`ADDRESS` of the user")
	cmd.Flags().StringVar(&user.FirstName, "first-name", "", "first `NAME`")
	cmd.Flags().StringVar(&user.LastName, "last-name", "", "last `NAME`")
	return cmd
}

// firstPassword is the password of a new user, none for a machine.
func (c *commands) firstPassword(ctx context.Context, user auth.User, from passwordSource) (string, error) {
	if user.IsServiceAccount {
		return "", nil
	}
	return c.password(ctx, from)
}
