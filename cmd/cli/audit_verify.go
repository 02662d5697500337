package cli

import (
	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/errs"
)

func (c *commands) auditVerify() *cobra.Command {
	var head, format string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Look whether the log is whole, and print its head",
		Long: `Walks through the chain and names the positions where an entry was changed, removed or inserted. Keep the head that it
prints somewhere else, and give it with --head the next time: then it also shows when somebody who can write to the
database has put back an older state of it. Fails when something is found.`,
		Example: `  packhouse audit verify
  packhouse audit verify --head 42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`,
		Args: words(0, 0, "[--head POSITION:HASH] [--format text|json]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, "text", "json"); err != nil {
				return err
			}
			kept, err := keptHead(head)
			if err != nil {
				return err
			}
			return c.withAudit(cmd.Context(), func(_ *loaded, log *audit.Log) error {
				report, err := log.Verify(cmd.Context(), kept)
				if err != nil {
					return err
				}
				return c.printReport(report, format)
			})
		},
	}
	cmd.Flags().StringVar(&head, "head", "", "a head that was kept elsewhere, as `POSITION:HASH`")
	cmd.Flags().StringVar(&format, "format", "text", "`FORM` of the output: text or json")
	return cmd
}

func keptHead(text string) (*audit.Point, error) {
	if text == "" {
		return nil, nil
	}
	point, err := audit.ParsePoint(text)
	if err != nil {
		return nil, misused("--head: %w", err)
	}
	return &point, nil
}

func (c *commands) printReport(r *audit.Report, format string) error {
	if format == "json" {
		if err := c.printJSON(r); err != nil {
			return err
		}
	} else if err := c.printAudit(r); err != nil {
		return err
	}
	if r.OK {
		return nil
	}
	return errs.New(errs.Conflict, "the audit log is not as it was written: %d findings; keep a copy of the database and find out who could write to it", len(r.Findings))
}

func (c *commands) printAudit(r *audit.Report) error {
	for _, f := range r.Findings {
		if err := c.print("position %d: %s\n", f.Position, f.What); err != nil {
			return err
		}
	}
	return c.print("entries %d, waiting %d, anchor %s\nhead %s\n", r.Entries, r.Unsealed, r.Anchor, r.Head)
}
