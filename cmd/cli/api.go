package cli

import (
	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
)

func (c *commands) api() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "api",
		Short: "Run the REST API",
		Long: `Runs the REST API beside packhouse content and packhouse worker; any number of each, on any number of hosts. They share
PostgreSQL (database.url), Redis (redis_url), the storage and the key file (db_encryption_key).

packhouse migrate must have run before. SIGTERM stops it when the running requests are done; a second one gives them up.`,
		Example: `  packhouse api --config /etc/packhouse/config.yaml
  packhouse api --data /srv/packhouse --listen 0.0.0.0:24817 --set database.url=postgres://packhouse@db/packhouse --set redis_url=redis://queue:6379/0`,
		Args: words(0, 0, "[--config FILE] [--listen ADDRESS:PORT]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.runMachine(cmd.Context(), node.API, map[string]string{"api_listen": listen}, nil)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "answer at this `ADDRESS:PORT` (setting api_listen)")
	return cmd
}
