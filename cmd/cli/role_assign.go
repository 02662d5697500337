package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// grant says who gets a role, and where; see the flags.
type grant struct{ user, group, domain, object string }

func (c *commands) roleAssign(word, short string) *cobra.Command {
	var g grant
	cmd := &cobra.Command{
		Use: word + " ROLE", Short: short + ": everywhere, in a domain or on an object",
		Example: "  packhouse role " + word + " file.filerepository_viewer --group packers\n  packhouse role " + word + " core.domain_admin --user ann --domain default",
		Args:    words(1, 1, "ROLE (--user NAME | --group NAME) [--domain NAME | --object PRN|HREF]"),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if (g.user == "") == (g.group == "") {
				return misused("give either --user or --group")
			}
			return onlyOne(cmd, "domain", "object")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDatabase(cmd.Context(), func(l *loaded, d *db.DB) error {
				a, err := c.assignment(cmd.Context(), l, d, args[0], g)
				if err != nil {
					return err
				}
				err = c.recorded(cmd, l, func() error {
					audit.From(cmd.Context()).Object(holder(a))
					return d.InTx(cmd.Context(), func(tx *db.Tx) error { return settle(tx, a, word == "assign") })
				})
				if err != nil {
					return err
				}
				c.say("done: role %s %s\n", word, args[0])
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&g.user, "user", "", "`NAME` of the user")
	cmd.Flags().StringVar(&g.group, "group", "", "`NAME` of the group")
	cmd.Flags().StringVar(&g.domain, "domain", "", "`NAME` of the domain in which it counts")
	cmd.Flags().StringVar(&g.object, "object", "", "`PRN` or href of the object on which it counts")
	return cmd
}

// holder names in the log who gets the role or loses it.
func holder(a auth.Assignment) string {
	if a.UserID != nil {
		return ident.PRN("auth.user", strconv.FormatInt(*a.UserID, 10))
	}
	return ident.PRN("core.group", strconv.FormatInt(*a.GroupID, 10))
}

// settle gives the role or takes it away.
func settle(tx *db.Tx, a auth.Assignment, give bool) error {
	if err := auth.Changed(tx); err != nil {
		return err
	}
	have, err := auth.FindAssignments(tx.DB, a)
	switch {
	case err != nil:
		return err
	case give:
		return auth.Assign(tx, a)
	case len(have) == 0:
		return errs.New(errs.NotFound, "The role is not assigned there; look at packhouse role show.")
	}
	if err := tx.Delete(&have).Error; err != nil {
		return fmt.Errorf("take a role away: %w", err)
	}
	return nil
}

func (c *commands) assignment(ctx context.Context, l *loaded, d *db.DB, role string, g grant) (a auth.Assignment, err error) {
	server, err := node.Reading(d, l.registry, l.Settings, l.log)
	if err != nil {
		return a, err
	}
	r, err := auth.FindRole(d.Read(ctx), role)
	if err != nil {
		return a, err
	}
	a.RoleID = r.ID
	if err := principal(d.Read(ctx), g, &a); err != nil {
		return a, err
	}
	return a, place(ctx, server.Env, d, r, g, &a)
}

func principal(tx *gorm.DB, g grant, a *auth.Assignment) error {
	if g.user != "" {
		id, err := userNamed(tx, g.user)
		a.UserID = &id
		return err
	}
	team, err := auth.FindGroup(tx, g.group)
	if err == nil {
		a.GroupID = &team.ID
	}
	return err
}

// place says where the role counts, which must be a place where it gives something.
func place(ctx context.Context, env *resource.Env, d *db.DB, r *auth.Role, g grant, a *auth.Assignment) error {
	model := ""
	if g.domain != "" {
		row, err := domainNamed(ctx, d, g.domain)
		if err != nil {
			return err
		}
		a.DomainID = &row.ID
	}
	if g.object != "" {
		o, err := env.ResolveAnywhere(ctx, g.object, resource.Target{})
		if err != nil {
			return err
		}
		key := auth.ObjectKey(o.ID)
		model, a.Model, a.ObjectID = o.Kind.Model, &o.Kind.Model, &key
	}
	if !env.Declared.Assignable(r, model, g.domain != "") {
		return errs.New(errs.Invalid, "The role %s has no permission for what is there; choose another one.", r.Name)
	}
	return nil
}

// domainNamed is the domain of a name that a flag gives.
func domainNamed(ctx context.Context, d *db.DB, name string) (*model.Domain, error) {
	row, err := domain.Named(ctx, d, name)
	if errs.KindOf(err) == errs.NotFound {
		return nil, errs.Field("domain", "%q is no domain; name one that is there.", name)
	}
	return row, err
}

// shownGrant is a role that somebody has.
type shownGrant struct {
	Role   string `json:"role"`
	User   string `json:"user,omitempty"`
	Group  string `json:"group,omitempty"`
	Domain string `json:"domain,omitempty"`
	Object string `json:"object,omitempty"`
}

// grantsTo reads assignments.
func grantsTo(tx *gorm.DB, where string, value any) ([]shownGrant, error) {
	var rows []struct {
		Role, Username, Team, Domain string
		Model, ObjectID              string
	}
	err := tx.Table("core_role_assignments a").
		Select("r.name AS role, COALESCE(u.username, '') AS username, COALESCE(g.name, '') AS team, COALESCE(d.name, '') AS domain, COALESCE(a.model, '') AS model, COALESCE(CAST(a.object_id AS text), '') AS object_id").
		Joins("JOIN core_roles r ON r.id = a.role_id").Joins("LEFT JOIN core_users u ON u.id = a.user_id").
		Joins("LEFT JOIN core_groups g ON g.id = a.group_id").Joins("LEFT JOIN core_domains d ON d.id = a.domain_id").
		Where(where, value).Order("r.name, a.id").Scan(&rows).Error
	out := []shownGrant{}
	for _, r := range rows {
		g := shownGrant{Role: r.Role, User: r.Username, Group: r.Team, Domain: r.Domain}
		if r.Model != "" {
			g.Object = ident.PRN(r.Model, auth.ObjectID(r.ObjectID))
		}
		out = append(out, g)
	}
	return out, err
}

func grantLines(all []shownGrant) string {
	var b strings.Builder
	for _, g := range all {
		at := " everywhere"
		if g.Domain != "" {
			at = " in the domain " + g.Domain
		}
		if g.Object != "" {
			at = " on " + g.Object
		}
		b.WriteString("role " + g.Role + at + "\n")
	}
	return b.String()
}
