package cli

import (
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/audit"
)

func (c *commands) auditList() *cobra.Command {
	limit, format := 20, "table"
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Print the newest entries, the newest first",
		Example: `  packhouse audit list --limit 100 --format json`,
		Args:    words(0, 0, "[--limit N] [--format table|json]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			if limit < 1 || limit > audit.MaxPage {
				return misused("--limit %d is out of range; choose 1 to %d, or see packhouse audit export", limit, audit.MaxPage)
			}
			return c.withAudit(cmd.Context(), func(_ *loaded, log *audit.Log) error {
				entries, err := log.Latest(cmd.Context(), limit)
				if err != nil {
					return err
				}
				if format == "json" {
					return c.print("%s", audit.Lines(entries))
				}
				return c.printEntries(entries)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "print this many (`N`, at most 10000)")
	cmd.Flags().StringVar(&format, "format", format, "`FORM` of the output: table or json (one object a line)")
	return cmd
}

func (c *commands) printEntries(entries []audit.Entry) error {
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "POSITION\tAT\tUSER\tCLIENT\tACTION\tOBJECT\tOUTCOME"); err != nil {
		return err
	}
	for i := range entries {
		e, position := &entries[i], "-"
		if e.Position != nil {
			position = strconv.FormatInt(*e.Position, 10)
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", position, e.At.UTC().Format(time.RFC3339), orDash(e.User), orDash(e.Client), e.Action, orDash(e.Object), entryOutcome(e)); err != nil {
			return err
		}
	}
	return table.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// entryOutcome is the status of a request, and in words what came of it.
func entryOutcome(e *audit.Entry) string {
	what := "done"
	if e.Reason != "" {
		what = e.Reason
	}
	if e.Status == 0 {
		return what
	}
	return strconv.Itoa(e.Status) + " " + what
}
