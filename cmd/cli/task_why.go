package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

func (c *commands) taskWhy() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "why ID",
		Short: "Say why a task does not start, what it does, or how it ended",
		Long: `Tells which tasks hold what it needs and which stand before it in line, which limit keeps it back, whether a worker is
online that knows its kind, what a running task did last, and when it is likely to start, as far as that can be told.`,
		Example: `  packhouse task why 019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e`,
		Args:    words(1, 1, "ID [--json]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withTask(cmd.Context(), args[0], func(l *loaded, d *db.DB, row *task.Row) error {
				e, err := task.Explain(cmd.Context(), d, row.ID, task.Question{Limit: node.TaskLimit(l.Settings)})
				switch {
				case err != nil:
					return err
				case asJSON:
					return c.printJSON(e)
				}
				return c.print("%s %s.\n%s\n", row.ID, stateWords(e.State), wrapped(e.Summary, c.textWidth()))
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// wrapped breaks a paragraph into lines.
func wrapped(text string, columns int) string {
	var out strings.Builder
	width := 0
	for word := range strings.FieldsSeq(text) {
		n := len([]rune(word))
		switch {
		case width == 0:
		case width+1+n > columns:
			out.WriteByte('\n')
			width = 0
		default:
			out.WriteByte(' ')
			width++
		}
		out.WriteString(word)
		width += n
	}
	return out.String()
}
