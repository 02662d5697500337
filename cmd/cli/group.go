package cli

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

func (c *commands) groups() *cobra.Command {
	return group(&cobra.Command{
		Use: "group", Short: "List, create and delete groups, and put users into them",
		Long:    `Works on the database itself, also beside a running packhouse serve, which takes notice at once.`,
		Example: "  packhouse group create packers\n  packhouse group add packers ann",
	}, c.groupList(), c.groupChange("create NAME", "Create a group", 1, func(tx *db.Tx, words []string) error {
		g, err := auth.CreateGroup(tx, words[0])
		noteGroup(tx, g)
		return err
	}), c.groupChange("delete NAME", "Delete a group with the roles that it has", 1, func(tx *db.Tx, words []string) error {
		g, err := auth.FindGroup(tx.DB, words[0])
		if err != nil {
			return err
		}
		noteGroup(tx, g)
		return auth.DeleteGroup(tx, *g)
	}), c.groupChange("add NAME USER", "Put a user into a group", 2, member(auth.AddMember)),
		c.groupChange("remove NAME USER", "Take a user out of a group", 2, member(auth.RemoveMember)))
}

// noteGroup names a group, if there is one, in the log.
func noteGroup(tx *db.Tx, g *auth.Group) {
	if g != nil {
		audit.From(tx.Context()).Object(ident.PRN(auth.GroupModel, strconv.FormatInt(g.ID, 10)))
	}
}

// member makes a change of a group and a user of one of their numbers.
func member(change func(tx *db.Tx, group, user int64) error) func(*db.Tx, []string) error {
	return func(tx *db.Tx, words []string) error {
		g, err := auth.FindGroup(tx.DB, words[0])
		if err != nil {
			return err
		}
		noteGroup(tx, g)
		user, err := userNamed(tx.DB, words[1])
		if err != nil {
			return err
		}
		audit.From(tx.Context()).Object(auth.MemberPRNs(g.ID, user))
		return change(tx, g.ID, user)
	}
}

// userNamed is the number of the user of a name.
func userNamed(tx *gorm.DB, name string) (int64, error) {
	var found []auth.User
	if err := tx.Where("username = ?", name).Limit(1).Find(&found).Error; err != nil {
		return 0, err
	}
	if len(found) == 0 {
		return 0, errs.New(errs.NotFound, "There is no such user, %q; look at packhouse user list.", name)
	}
	return found[0].ID, nil
}

func (c *commands) groupChange(use, short string, n int, change func(tx *db.Tx, words []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: words(n, n, use)}
	cmd.Example = "  packhouse group " + cmd.Name() + " packers" + map[int]string{2: " ann"}[n]
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := c.changing(cmd, func(_ *loaded, tx *db.Tx) error { return change(tx, args) })
		if err == nil {
			c.say("done: group %s %s\n", cmd.Name(), strings.Join(args, " "))
		}
		return err
	}
	return cmd
}

// shownTeam is a group as `group list` prints it.
type shownTeam struct {
	ID    int64    `json:"id"`
	Name  string   `json:"name"`
	Users []string `json:"users"`
}

func (c *commands) groupList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "list", Short: "Print all groups with their users", Example: "  packhouse group list --format json", Args: words(0, 0, "[--format table|json]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			return c.withDatabase(cmd.Context(), func(_ *loaded, d *db.DB) error {
				all, err := teams(d.Read(cmd.Context()))
				if err != nil || format == "json" {
					return firstOf(err, func() error { return c.printJSON(all) })
				}
				return c.printTeams(all)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORM` of the output: table or json")
	return cmd
}

func (c *commands) printTeams(all []shownTeam) error {
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "ID\tNAME\tUSERS"); err != nil {
		return err
	}
	for _, g := range all {
		if _, err := fmt.Fprintf(table, "%d\t%s\t%s\n", g.ID, printable(g.Name), orDash(printable(strings.Join(g.Users, " ")))); err != nil {
			return err
		}
	}
	return table.Flush()
}

// firstOf goes on only where there is no error yet.
func firstOf(err error, then func() error) error {
	if err != nil {
		return err
	}
	return then()
}

func teams(tx *gorm.DB) ([]shownTeam, error) {
	var rows []struct {
		ID       int64
		Name     string
		Username *string
	}
	err := tx.Table("core_groups g").Select("g.id, g.name, u.username").Joins("LEFT JOIN core_group_users m ON m.group_id = g.id").
		Joins("LEFT JOIN core_users u ON u.id = m.user_id").Order("g.name, u.username").Scan(&rows).Error
	all := []shownTeam{}
	for _, r := range rows {
		if len(all) == 0 || all[len(all)-1].ID != r.ID {
			all = append(all, shownTeam{ID: r.ID, Name: r.Name, Users: []string{}})
		}
		if r.Username != nil {
			all[len(all)-1].Users = append(all[len(all)-1].Users, *r.Username)
		}
	}
	return all, err
}
