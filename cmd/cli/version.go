package cli

import "github.com/spf13/cobra"

func (c *commands) version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of the binary and of the apps in it",
		Example: `  packhouse version`,
		Args:    words(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if err := c.print("packhouse %s\n", c.Version); err != nil {
				return err
			}
			for _, a := range c.Apps {
				if err := c.print("  %s %s\n", a.Label, a.Version); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
