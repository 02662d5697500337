package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/auth"
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
			return c.withTokens(cmd.Context(), func(users *auth.Users, tokens *auth.Tokens) error {
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
				return c.showTokens(all, names, format)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORM` of the output: table or json")
	cmd.Flags().StringVar(&user, "user", "", "only those of the user `NAME`")
	return cmd
}

func (c *commands) showTokens(all []auth.Token, names map[int64]string, format string) error {
	out := make([]shownToken, 0, len(all))
	for i := range all {
		t := &all[i]
		out = append(out, shownToken{ID: t.ID, Name: t.Name, Username: names[t.UserID], Scope: *t.Scope(), ExpiresAt: t.ExpiresAt, LastUsedAt: t.LastUsedAt})
	}
	if format == "json" {
		return c.printJSON(out)
	}
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "ID\tNAME\tUSER\tPERMISSIONS\tEXPIRES\tLAST USED"); err != nil {
		return err
	}
	for _, t := range out {
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, t.Username, strings.Join(t.Scope.Permissions, " "), moment(t.ExpiresAt), moment(t.LastUsedAt)); err != nil {
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
