package cli

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
)

// shownToken is a token as `token list` prints it.
type shownToken struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Username   string     `json:"username"`
	Scope      auth.Scope `json:"scope"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func (c *commands) tokenList() *cobra.Command {
	var format, user string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print the tokens, never their text",
		Example: `  packhouse token list
  packhouse token list --user ci --format json`,
		Args: words(0, 0, "[--user NAME] [--format table|json]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			return c.withTokens(cmd.Context(), func(d *db.DB, users *auth.Users, tokens *auth.Tokens) error {
				people, err := users.ListUsers(cmd.Context())
				if err != nil {
					return err
				}
				names, only := map[int64]string{}, int64(0)
				for _, p := range people {
					names[p.ID] = p.Username
					if p.Username == user {
						only = p.ID
					}
				}
				if user != "" && only == 0 {
					_, err := users.FindUser(cmd.Context(), user)
					return err
				}
				all, err := tokens.ListTokens(cmd.Context(), only)
				if err != nil {
					return err
				}
				domains, err := domainNames(d.Read(cmd.Context()))
				if err != nil {
					return err
				}
				return c.showTokens(all, names, domains, format)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORM` of the output: table or json")
	cmd.Flags().StringVar(&user, "user", "", "only those of the user `NAME`")
	return cmd
}

// domainNames are the names of all domains by identity.
func domainNames(read *gorm.DB) (map[string]string, error) {
	var rows []struct{ ID, Name string }
	if err := read.Table("core_domains").Select("id, name").Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the names of the domains: %w", err)
	}
	names := map[string]string{}
	for _, r := range rows {
		names[r.ID] = r.Name
	}
	return names, nil
}

// limitsOf tells in which domains and on which objects a token is good for something.
func limitsOf(s *auth.Scope, domains map[string]string) string {
	var limits []string
	for _, id := range s.Domains {
		limits = append(limits, "domain "+cmp.Or(domains[id], id))
	}
	return strings.Join(append(limits, s.Objects...), ", ")
}

func (c *commands) showTokens(all []auth.Token, names map[int64]string, domains map[string]string, format string) error {
	out := make([]shownToken, 0, len(all))
	for i := range all {
		t := &all[i]
		out = append(out, shownToken{ID: t.ID, Name: t.Name, Username: names[t.UserID], Scope: *t.Scope(), ExpiresAt: t.ExpiresAt, LastUsedAt: t.LastUsedAt})
	}
	if format == "json" {
		return c.printJSON(out)
	}
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "ID\tNAME\tUSER\tPERMISSIONS\tONLY IN OR ON\tEXPIRES\tLAST USED"); err != nil {
		return err
	}
	for _, t := range out {
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, printable(t.Name), printable(t.Username), strings.Join(t.Scope.Permissions, " "), orDash(printable(limitsOf(&t.Scope, domains))), moment(t.ExpiresAt), moment(t.LastUsedAt)); err != nil {
			return err
		}
	}
	return table.Flush()
}

// moment writes a time for people.
func moment(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.UTC().Format("2006-01-02 15:04")
}
