package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
)

func (c *commands) config() *cobra.Command {
	return group(&cobra.Command{
		Use:   "config",
		Short: "Look at the settings",
		Example: `  packhouse config show --origin
  packhouse config explain database.url`,
	}, c.configShow(), c.configExplain())
}

func (c *commands) configShow() *cobra.Command {
	var origin bool
	var format string
	cmd := &cobra.Command{
		Use:   "show [KEY]",
		Short: "Print the settings in effect",
		Long: `Prints every setting in effect, or those of a section or map. Secrets are masked. All faults of all files, variables
and flags are told together when there are any.`,
		Example: `  packhouse config show
  packhouse config show --origin
  packhouse config show storage.s3 --format json`,
		Args: words(0, 1, "[KEY]"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			l, err := c.load("", nil)
			if err != nil {
				return err
			}
			rows := l.Rows()
			if len(args) > 0 {
				rows = slices.DeleteFunc(rows, func(r config.Row) bool { return !r.Under(args[0]) })
				if len(rows) == 0 {
					return c.noSuchSetting(args[0])
				}
			}
			if format == "json" {
				return c.printJSON(rows)
			}
			return c.printRows(rows, origin)
		},
	}
	cmd.Flags().BoolVar(&origin, "origin", false, "say where each value was written")
	cmd.Flags().StringVar(&format, "format", "table", "`FORM` of the output: table or json")
	return cmd
}

func (c *commands) printRows(rows []config.Row, origin bool) error {
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		line := r.Key + "\t" + r.Text()
		if origin {
			line += "\t" + r.Origin.String()
		}
		if _, err := fmt.Fprintln(table, line); err != nil {
			return err
		}
	}
	return table.Flush()
}

func (c *commands) configExplain() *cobra.Command {
	return &cobra.Command{
		Use:     "explain KEY",
		Short:   "Print what each file, variable and flag did to a setting",
		Long:    `Prints the history of one setting, the one in effect last. An entry of a map is asked for as KEY.ENTRY.`,
		Example: `  packhouse config explain enabled_plugins`,
		Args:    words(1, 1, "KEY"),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := c.load("", nil)
			if err != nil {
				return err
			}
			steps := l.Explain(args[0])
			if steps == nil {
				return c.noSuchSetting(args[0])
			}
			table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
			for _, s := range steps {
				if _, err := fmt.Fprintf(table, "%s\t%s\t%s\n", s.Origin, s.Op, config.Row{Value: s.Value}.Text()); err != nil {
					return err
				}
			}
			return table.Flush()
		},
	}
}

// noSuchSetting names the setting that may be meant.
func (c *commands) noSuchSetting(key string) error {
	hint := "packhouse config show lists all"
	least := max(2, len(key)/4) + 1
	for _, known := range config.Schema(app.NewRegistry(c.Apps...).Plugins()...) {
		last := known.Key[strings.LastIndex(known.Key, ".")+1:]
		d := distance(key, known.Key)
		if last == key {
			d = min(d, 1) // right name, section forgotten
		}
		if d < least {
			least, hint = d, fmt.Sprintf("did you mean %q?", known.Key)
		}
	}
	return errs.New(errs.NotFound, "no setting or section is called %q; %s", key, hint)
}

func (c *commands) printJSON(v any) error {
	e := json.NewEncoder(c.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
