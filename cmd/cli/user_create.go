package cli

import (
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
  packhouse user create robot --random
  echo "$PASSWORD" | packhouse user create ann --superuser --stdin`,
		Args: words(1, 1, "NAME [--superuser] [--stdin | --random]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			user.Username, user.IsStaff = args[0], user.IsSuperuser
			return c.withUsers(cmd.Context(), func(_ *loaded, users *auth.Users) error {
				password, err := c.password(cmd.Context(), from)
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
	cmd.Flags().StringVar(&user.Email, "email", "", "`ADDRESS` of the user")
	cmd.Flags().StringVar(&user.FirstName, "first-name", "", "first `NAME`")
	cmd.Flags().StringVar(&user.LastName, "last-name", "", "last `NAME`")
	return cmd
}
