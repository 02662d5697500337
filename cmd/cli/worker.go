package cli

import (
	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
)

func (c *commands) worker() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Run a worker",
		Long: `Runs tasks beside packhouse api and packhouse content; any number of each, on any number of hosts. They share PostgreSQL
(database.url), Redis (redis_url), the storage and the key file (db_encryption_key).

packhouse migrate must have run before. SIGTERM takes no more tasks and gives the running ones task_grace_interval to
finish; a second one gives them up at once.`,
		Example: `  packhouse worker --config /etc/packhouse/config.yaml
  packhouse worker --config /etc/packhouse/config.yaml --set worker.concurrency=8`,
		Args: words(0, 0, "[--config FILE]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.runMachine(cmd.Context(), node.Worker, nil, nil)
		},
	}
}
