package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/audit"
)

func (c *commands) auditPrune() *cobra.Command {
	var days int
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove entries older than some days; export them first",
		Long: `Removes entries from the beginning of the log. The hash of the last one removed is kept, so the rest can still be
verified. The setting audit.retention_days does the same by itself. That the log was pruned is an entry of its own.`,
		Example: `  packhouse audit prune --days 365`,
		Args:    words(0, 0, "--days N"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if days < 1 {
				return misused("say with --days how many days to keep, at least 1")
			}
			return c.withAudit(cmd.Context(), func(l *loaded, log *audit.Log) error {
				return c.recorded(cmd, l, func() error {
					removed, err := log.Prune(cmd.Context(), time.Now().AddDate(0, 0, -days))
					c.say("removed %d entries\n", removed)
					return err
				})
			})
		},
	}
	cmd.Flags().IntVar(&days, "days", 0, "keep this many `DAYS`")
	return cmd
}
