package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

func (c *commands) roles() *cobra.Command {
	return group(&cobra.Command{
		Use: "role", Short: "List, create, change and delete roles, and give them to users and groups",
		Long: `Works on the database itself, also beside a running packhouse serve, which takes notice at once. Locked roles belong to
what is installed; they can be given and not changed.`,
		Example: "  packhouse role list\n  packhouse role assign file.filerepository_owner --user ann --domain default",
	}, c.roleList(), c.roleShow(), c.roleStore("create", "Create a role"), c.roleStore("set", "Replace what a role permits"), c.roleDelete(),
		c.roleAssign("assign", "Give a role"), c.roleAssign("unassign", "Take a role away"))
}

// shownRole is a role as commands print it.
type shownRole struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Locked      bool     `json:"locked"`
	Permissions []string `json:"permissions"`
}

func showRole(r auth.Role) shownRole {
	out := shownRole{Name: r.Name, Locked: r.Locked, Permissions: r.Permissions}
	if r.Description != nil {
		out.Description = *r.Description
	}
	return out
}

func (c *commands) roleList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "list", Short: "Print all roles", Example: "  packhouse role list --format json", Args: words(0, 0, "[--format table|json]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			return c.withDatabase(cmd.Context(), func(_ *loaded, d *db.DB) error {
				all, err := auth.LoadRoles(d.Read(cmd.Context()))
				if err != nil {
					return err
				}
				slices.SortFunc(all, func(a, b auth.Role) int { return strings.Compare(a.Name, b.Name) })
				return c.printRoles(all, format)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORM` of the output: table or json")
	return cmd
}

func (c *commands) printRoles(all []auth.Role, format string) error {
	list := make([]shownRole, 0, len(all))
	for _, r := range all {
		list = append(list, showRole(r))
	}
	if format == "json" {
		return c.printJSON(list)
	}
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "NAME\tLOCKED\tPERMISSIONS"); err != nil {
		return err
	}
	for _, r := range list {
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\n", printable(r.Name), map[bool]string{true: "yes", false: "no"}[r.Locked], orDash(strings.Join(r.Permissions, " "))); err != nil {
			return err
		}
	}
	return table.Flush()
}

func (c *commands) roleShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Print a role and who has it, as JSON", Example: "  packhouse role show core.domain_admin", Args: words(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDatabase(cmd.Context(), func(_ *loaded, d *db.DB) error {
				r, err := auth.FindRole(d.Read(cmd.Context()), args[0])
				if err != nil {
					return err
				}
				given, err := grantsTo(d.Read(cmd.Context()), "a.role_id = ?", r.ID)
				if err != nil {
					return err
				}
				return c.printJSON(struct {
					shownRole
					Given []shownGrant `json:"given"`
				}{showRole(*r), given})
			})
		},
	}
}

func (c *commands) roleStore(word, short string) *cobra.Command {
	var description string
	cmd := &cobra.Command{
		Use: word + " NAME PERMISSION…", Short: short, Example: "  packhouse role " + word + " lookers file.view_filerepository file.view_filedistribution",
		Args: words(2, 1000, "NAME PERMISSION… [--description TEXT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := c.changing(cmd, func(l *loaded, tx *db.Tx) error {
				declared := node.DeclaredAccess(l.registry, l.Settings)
				for _, name := range args[1:] {
					if _, known := declared.ModelOf(name); !known {
						return errs.Field("permissions", "There is no permission %q; look at packhouse role list for the names.", name)
					}
				}
				r := &auth.Role{Name: args[0]}
				if word == "set" {
					found, err := unlocked(tx.DB, args[0])
					if err != nil {
						return err
					}
					noteRole(tx, found)
					r = found
				}
				if cmd.Flags().Changed("description") {
					r.Description = &description
				}
				r.Permissions = args[1:]
				if err := auth.SaveRole(tx, r); err != nil {
					return err
				}
				noteRole(tx, r)
				return nil
			})
			if err == nil {
				c.say("done: role %s %s\n", word, args[0])
			}
			return err
		},
	}
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` for people")
	return cmd
}

// noteRole names a role in the log.
func noteRole(tx *db.Tx, r *auth.Role) { audit.From(tx.Context()).Object(ident.PRN("core.role", r.ID)) }

// unlocked finds a role that may be changed.
func unlocked(tx *gorm.DB, name string) (*auth.Role, error) {
	r, err := auth.FindRole(tx, name)
	if err == nil && r.Locked {
		err = errs.New(errs.Forbidden, "The role %s is locked: it belongs to what is installed; make one of your own.", name)
	}
	return r, err
}

func (c *commands) roleDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Delete a role; whoever had it loses it", Example: "  packhouse role delete lookers", Args: words(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDatabase(cmd.Context(), func(l *loaded, d *db.DB) error {
				server, err := node.Reading(d, l.registry, l.Settings, l.log)
				if err != nil {
					return err
				}
				if names, err := server.Env.Decider.PoliciesGiving(cmd.Context(), args[0]); err != nil || len(names) > 0 {
					return firstOf(err, func() error {
						return errs.Together("The creation hooks of %s give this role; edit these access policies first.", strings.Join(names, ", "))
					})
				}
				err = c.recorded(cmd, l, func() error {
					return d.InTx(cmd.Context(), func(tx *db.Tx) error { return dropRole(tx, args[0]) })
				})
				if err == nil {
					c.say("done: role delete %s\n", args[0])
				}
				return err
			})
		},
	}
}

func dropRole(tx *db.Tx, name string) error {
	r, err := unlocked(tx.DB, name)
	if err != nil {
		return err
	}
	noteRole(tx, r)
	if err := tx.Delete(&auth.Role{}, "id = ?", r.ID).Error; err != nil {
		return fmt.Errorf("delete the role %s: %w", r.Name, err)
	}
	return auth.Changed(tx)
}
