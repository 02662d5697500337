package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
)

func (c *commands) user() *cobra.Command {
	return group(&cobra.Command{
		Use:   "user",
		Short: "List, create and delete users, and set their passwords",
		Long: `Works on the database itself, so it needs no password, and works beside a running packhouse serve. Passwords are asked
for on the terminal, read from standard input or generated; they are never words of the command line, which others can
see.`,
		Example: `  packhouse user list
  packhouse user set-password admin --random`,
	}, c.userList(), c.userCreate(), c.userSetPassword(), c.userShow(), c.userActive("activate", true), c.userActive("deactivate", false), c.userSuperuser(), c.userDelete())
}

// withUsers opens the users of a database that is up to date.
func (c *commands) withUsers(ctx context.Context, work func(l *loaded, users *auth.Users) error) error {
	return c.withDatabase(ctx, func(l *loaded, d *db.DB) error { return work(l, auth.NewUsers(d, auth.NewHasher())) })
}
