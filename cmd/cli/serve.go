package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
)

func (c *commands) serve() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run everything in one process, over one data folder",
		Long: `Runs the API, the content server and a worker in one process, on one port. Without any settings the rows are in
SQLite, the bytes in the file system, both in the data folder (./packhouse-data, or --data, or PACKHOUSE_DATA).

The first start makes the folder, the database and the user admin, whose password comes from PACKHOUSE_ADMIN_PASSWORD.
Without it a password is generated: printed when standard output is a terminal, else kept in DATA/admin-password.
Later starts bring the database up to date and leave the user alone.

Ctrl-C or SIGTERM stops it when the running requests are done and the running tasks are done or have had
task_grace_interval; a second one gives them up. A closed terminal does the same. Where there is no terminal, SIGHUP has
the key file read and the file of the access log opened again; all other settings are read at start.`,
		Example: `  packhouse serve
  packhouse serve --data /srv/packhouse --listen 0.0.0.0:8080
  PACKHOUSE_ADMIN_PASSWORD=… packhouse serve --data ./demo`,
		Args: words(0, 0, "[--data FOLDER] [--listen ADDRESS:PORT]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.runMachine(cmd.Context(), node.Serve, map[string]string{"listen": listen}, func(l *loaded, n *node.Node) error {
				_, err := io.WriteString(c.Stdout, banner(c.Version, l.Loaded, n.URL(), n.Admin()))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "answer at this `ADDRESS:PORT` (setting listen)")
	return cmd
}
