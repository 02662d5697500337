package cli

import (
	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/audit"
)

func (c *commands) auditExport() *cobra.Command {
	var after int64
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print all entries in the order of the chain, one JSON object a line",
		Example: `  packhouse audit export > audit.jsonl
  packhouse audit export --after 1234 >> audit.jsonl`,
		Args: words(0, 0, "[--after POSITION]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withAudit(cmd.Context(), func(_ *loaded, log *audit.Log) error {
				for at := after; ; {
					entries, err := log.After(cmd.Context(), at, audit.MaxPage)
					if err != nil || len(entries) == 0 {
						return err
					}
					if err := c.print("%s", audit.Lines(entries)); err != nil {
						return err
					}
					at = *entries[len(entries)-1].Position
				}
			})
		},
	}
	cmd.Flags().Int64Var(&after, "after", 0, "begin behind this `POSITION`")
	return cmd
}
