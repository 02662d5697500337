package cli

import (
	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
)

func (c *commands) content() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "content",
		Short: "Run the content server",
		Long: `Serves content to clients beside packhouse api and packhouse worker; any number of each, on any number of hosts. It needs
PostgreSQL (database.url) and the storage, and goes on without Redis.

packhouse migrate must have run before. SIGTERM stops it when the running downloads are done, or after
shutdown_timeout; a second one gives them up.`,
		Example: `  packhouse content --config /etc/packhouse/config.yaml
  packhouse content --data /srv/packhouse --listen 0.0.0.0:24816 --set database.url=postgres://packhouse@db/packhouse`,
		Args: words(0, 0, "[--config FILE] [--listen ADDRESS:PORT]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.runMachine(cmd.Context(), node.Content, map[string]string{"content_listen": listen}, nil)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "answer at this `ADDRESS:PORT` (setting content_listen)")
	return cmd
}
