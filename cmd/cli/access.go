package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
)

func (c *commands) access() *cobra.Command {
	return group(&cobra.Command{
		Use:   "access",
		Short: "Tell why a user may or may not do something",
		Long:  `Decides requests as the API would, over the database itself. It sends none and changes nothing.`,
		Example: `  packhouse access why ann GET /pulp/api/v3/repositories/file/file/
  packhouse access why ann DELETE /pulp/api/v3/repositories/file/file/019f5a3e-0000-7000-8000-000000000000/ --json`,
	}, c.accessWhy())
}

func (c *commands) accessWhy() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why USER METHOD PATH",
		Short: "Print the policy, statements, roles and authorizers that decide a request",
		Long: `The exit code is 0 when the request is allowed, or its body decides, and 1 when it is refused. What is answered as 404
is told apart here: hidden is there, and the user may not see it; missing is not there. USER "anonymous" logs in as nobody.`,
		Example: `  packhouse access why ann GET /pulp/api/v3/repositories/file/file/`,
		Args:    words(3, 3, "USER METHOD PATH [--json]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDatabase(cmd.Context(), func(l *loaded, d *db.DB) error {
				var user *auth.User
				if args[0] != "anonymous" {
					found, err := auth.NewUsers(d, auth.NewHasher()).FindUser(cmd.Context(), args[0])
					if err != nil {
						return err
					}
					user = found
				}
				server, err := node.Reading(d, l.registry, l.Settings, l.log)
				if err != nil {
					return err
				}
				why, failure := server.Explain(cmd.Context(), user, args[1], args[2])
				if user != nil && !user.IsActive {
					why.Outcome, why.Because = api.NotLoggedIn, user.Username+" is deactivated, and cannot log in; see packhouse user activate"
				}
				if err := c.printWhy(why, asJSON); err != nil {
					return err
				}
				if failure == nil && why.Outcome != api.Allowed && why.Outcome != api.Depends {
					failure = exit{code: exitFailed}
				}
				return failure
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *commands) printWhy(why api.Explanation, asJSON bool) error {
	if asJSON {
		return c.printJSON(why)
	}
	text := fmt.Sprintf("%s %s for %s: %s\n  %s\n", why.Method, why.Path, why.User, why.Outcome, why.Because)
	for _, line := range [][2]string{{"operation", why.Operation}, {"object", why.Object}, {"policy", why.Policy}, {"action", why.Action}, {"rule", why.Rule}} {
		if line[1] != "" {
			text += fmt.Sprintf("  %s: %s\n", line[0], line[1])
		}
	}
	for _, step := range why.Steps {
		text += fmt.Sprintf("  %-10s %-20s %s\n", step.Kind, step.Result, step.Text)
		if step.Because != "" {
			text += fmt.Sprintf("  %-10s %-20s   %s\n", "", "", step.Because)
		}
	}
	return c.print("%s", text)
}
