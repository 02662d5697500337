package cli

import (
	"github.com/spf13/cobra"
)

// commands makes the commands and holds what all of them share.
type commands struct {
	Process
	// configFiles, sets and data are the global flags.
	configFiles, sets []string
	data              string
}

func (c *commands) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "packhouse",
		Short: "Keeps, versions and serves software packages",
		Long: `Packhouse takes packages in, keeps them in immutable repository versions, publishes them, and serves them to the
clients that people already use.

packhouse serve needs nothing else: no settings, no root, no other server. Everything is kept in one data folder.
Where that is outgrown, packhouse api, content and worker run side by side over PostgreSQL, Redis and a shared storage.
Settings come from files, PACKHOUSE_… variables and flags; see packhouse config show --origin.`,
		Example: `  packhouse serve
  packhouse serve --data /srv/packhouse --listen 0.0.0.0:8080
  packhouse config show --origin`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	// Arrays, not slices: a comma is part of the value.
	flags.StringArrayVar(&c.configFiles, "config", nil, "read settings from this `FILE`; may be repeated, later ones win")
	flags.StringArrayVar(&c.sets, "set", nil, "give a setting, as `key=value`; may be repeated")
	flags.StringVar(&c.data, "data", "", "keep everything in this `FOLDER` (setting data_dir)")
	root.AddCommand(
		c.serve(), c.api(), c.content(), c.worker(), c.migrate(),
		c.config(), c.check(), c.openapi(), c.snippet(), c.user(), c.groups(), c.roles(), c.access(), c.audit(), c.token(), c.keys(), c.tasks(), c.schedules(), c.version(), c.runTask(),
	)
	return root
}

// group makes a command that only holds others.
func group(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.Args = noSuchCommand
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(below...)
	return cmd
}
