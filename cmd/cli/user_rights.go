package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
)

func (c *commands) userActive(word string, active bool) *cobra.Command {
	short := map[bool]string{true: "Let a user in again", false: "Refuse a user everywhere, and keep it"}[active]
	return &cobra.Command{
		Use: word + " NAME", Short: short, Example: "  packhouse user " + word + " ann", Args: words(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.changeUsers(cmd, func(_ *loaded, users *auth.Users) error {
				user, err := users.FindUser(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				audit.From(cmd.Context()).Object(userPRN(user))
				if err := users.SetActive(cmd.Context(), user.ID, active); err != nil {
					return err
				}
				c.say("%sd the user %s\n", word, user.Username)
				return nil
			})
		},
	}
}

func (c *commands) userSuperuser() *cobra.Command {
	var off bool
	cmd := &cobra.Command{
		Use: "set-superuser NAME", Short: "Let a user do everything, or no longer",
		Example: "  packhouse user set-superuser ann\n  packhouse user set-superuser ann --off", Args: words(1, 1, "NAME [--off]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.changeUsers(cmd, func(_ *loaded, users *auth.Users) error {
				user, err := users.FindUser(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				audit.From(cmd.Context()).Object(userPRN(user))
				if err := users.SetSuperuser(cmd.Context(), user.ID, !off); err != nil {
					return err
				}
				c.say("the user %s is %s superuser\n", user.Username, map[bool]string{true: "no longer a", false: "a"}[off])
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&off, "off", false, "take the right away")
	return cmd
}

// personInFull is a user as `user show` prints it.
type personInFull struct {
	shownUser
	Groups []string     `json:"groups"`
	Roles  []shownGrant `json:"roles"`
}

func (c *commands) userShow() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Print a user with groups and roles", Example: "  packhouse user show ann", Args: words(1, 1, "NAME [--format text|json]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("format", format, "text", "json"); err != nil {
				return err
			}
			return c.withDatabase(cmd.Context(), func(_ *loaded, d *db.DB) error {
				user, err := auth.NewUsers(d, auth.NewHasher()).FindUser(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				full := personInFull{shownUser: shown([]auth.User{*user})[0]}
				query := d.Read(cmd.Context()).Table("core_groups g").Joins("JOIN core_group_users m ON m.group_id = g.id").Where("m.user_id = ?", user.ID)
				if err := query.Order("g.name").Pluck("g.name", &full.Groups).Error; err != nil {
					return err
				}
				if full.Roles, err = grantsTo(d.Read(cmd.Context()), "a.user_id = ?", user.ID); err != nil {
					return err
				}
				if format == "json" {
					return c.printJSON(full)
				}
				return c.print("%s (%d): %s\ngroups: %s\n%s", user.Username, user.ID, rights(*user), strings.Join(full.Groups, ", "), grantLines(full.Roles))
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORM` of the output: text or json")
	return cmd
}
