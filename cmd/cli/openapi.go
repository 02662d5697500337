package cli

import (
	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/api"
)

func (c *commands) openapi() *cobra.Command {
	var o api.DocumentOptions
	var format string
	cmd := &cobra.Command{
		Use:   "openapi",
		Short: "Print the OpenAPI document of the REST API",
		Long: `Prints what docs/api.json serves, for the enabled plugins and without a database. --bindings gives the short operation
ids that client generators work from.`,
		Example: `  packhouse openapi > api.json
  packhouse openapi --bindings --component file > file.json
  packhouse openapi --format yaml > api.yaml`,
		Args: words(0, 0, "[--bindings] [--component NAME] [--format json|yaml]"),
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf("format", format, "json", "yaml"); err != nil {
				return err
			}
			l, err := c.load("", nil)
			if err != nil {
				return err
			}
			document, err := node.Declared(l.registry, l.Settings, l.log).Document(o)
			if err == nil && format == "yaml" {
				document, err = api.ToYAML(document)
			}
			if err != nil {
				return err
			}
			if format == "json" {
				document = append(document, '\n')
			}
			_, err = c.Stdout.Write(document)
			return err
		},
	}
	cmd.Flags().BoolVar(&o.Bindings, "bindings", false, "short operation ids, for client generators")
	cmd.Flags().BoolVar(&o.PKPath, "pk-path", false, "the real paths instead of one href parameter, for people")
	cmd.Flags().StringArrayVar(&o.Components, "component", nil, "only the paths of this app `NAME`; may be repeated")
	cmd.Flags().StringVar(&o.Server, "server", "http://localhost:24817", "scheme and host of the `SERVER` in the document")
	cmd.Flags().StringVar(&format, "format", "json", "`FORM` of the output: json or yaml")
	return cmd
}
