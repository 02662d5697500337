package cli

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/auth"
)

// shownUser is a user as `user list` prints it.
type shownUser struct {
	ID          int64      `json:"id"`
	Username    string     `json:"username"`
	FirstName   string     `json:"first_name"`
	LastName    string     `json:"last_name"`
	Email       string     `json:"email"`
	IsStaff     bool       `json:"is_staff"`
	IsActive    bool       `json:"is_active"`
	IsSuperuser bool       `json:"is_superuser"`
	DateJoined  time.Time  `json:"date_joined"`
	LastLogin   *time.Time `json:"last_login"`
	// Origin is where the user comes from: "local", "ldap", "oidc:" and the provider, "remote" or "json".
	Origin string `json:"origin"`
}

func (c *commands) userList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print all users",
		Example: `  packhouse user list
  packhouse user list --format json`,
		Args: words(0, 0, "[--format table|json]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			return c.withUsers(cmd.Context(), func(_ *loaded, users *auth.Users) error {
				all, err := users.ListUsers(cmd.Context())
				if err != nil {
					return err
				}
				if format == "json" {
					return c.printJSON(shown(all))
				}
				return c.printUsers(all)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORM` of the output: table or json")
	return cmd
}

func shown(all []auth.User) []shownUser {
	out := make([]shownUser, 0, len(all))
	for _, u := range all {
		out = append(out, shownUser{
			ID: u.ID, Username: u.Username, FirstName: u.FirstName, LastName: u.LastName, Email: u.Email,
			IsStaff: u.IsStaff, IsActive: u.IsActive, IsSuperuser: u.IsSuperuser, DateJoined: u.DateJoined, LastLogin: u.LastLogin, Origin: cmp.Or(u.Origin, "local"),
		})
	}
	return out
}

func (c *commands) printUsers(all []auth.User) error {
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "ID\tUSERNAME\tEMAIL\tORIGIN\tRIGHTS"); err != nil {
		return err
	}
	for _, u := range all {
		if _, err := fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", u.ID, printable(u.Username), orDash(printable(u.Email)), cmp.Or(u.Origin, "local"), rights(u)); err != nil {
			return err
		}
	}
	return table.Flush()
}

func rights(u auth.User) string {
	switch {
	case !u.IsActive:
		return "deactivated"
	case u.IsSuperuser:
		return "superuser"
	case u.IsServiceAccount:
		return "service account"
	}
	return "user"
}
