package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/reseal"
	"github.com/packhouse/packhouse/core/secret"
)

func (c *commands) keysRotate() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Seal every stored secret again that another key than the first one has sealed",
		Long: `Works beside running processes, in short transactions, and loses no change that they make meanwhile. It may be stopped
at any moment and run again: what is done stays done. Before it ends it looks whether anything is left.`,
		Example: `  packhouse keys rotate --dry-run
  packhouse keys rotate`,
		Args: words(0, 0, "[--dry-run]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withSecrets(cmd.Context(), func(l *loaded, w reseal.Work) error {
				if dry {
					return c.rotatePlan(cmd.Context(), w)
				}
				return c.recorded(cmd, l, func() error { return c.rotate(cmd.Context(), w) })
			})
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "print what would be sealed again, and change nothing")
	return cmd
}

func (c *commands) rotatePlan(ctx context.Context, w reseal.Work) error {
	tallies, err := w.Count(ctx)
	if err != nil {
		return err
	}
	first, n := w.Box.IDs()[0], 0
	for _, t := range tallies {
		if t.Key == first {
			continue
		}
		n += t.Values
		if err := c.print("%s.%s: %d sealed with %s\n", t.Column.Table, t.Column.Column, t.Values, cmp.Or(t.Key, "no key")); err != nil {
			return err
		}
	}
	return c.print("%d secrets would be sealed again with the key %s\n", n, first)
}

func (c *commands) rotate(ctx context.Context, w reseal.Work) error {
	w.Report = func(column secret.Column, done int) {
		c.say("%s.%s: %d sealed again\n", column.Table, column.Column, done)
	}
	out, err := w.Run(ctx)
	if err != nil {
		if out.Sealed > 0 {
			c.say("%d secrets were sealed again until here; run the command again for the rest\n", out.Sealed)
		}
		return err
	}
	if err := c.print("%d secrets were sealed again with the key %s\n", out.Sealed, w.Box.IDs()[0]); err != nil {
		return err
	}
	return lost(out)
}

// lost tells of values that no key opens. The rotation is done for all others.
func lost(out reseal.Outcome) error {
	var places []string
	for column, n := range out.Lost {
		places = append(places, fmt.Sprintf("%d in %s.%s", n, column.Table, column.Column))
	}
	if len(places) == 0 {
		return nil
	}
	slices.Sort(places)
	return errs.New(errs.Conflict, "some secrets cannot be opened with the keys of the file and were left as they are: %s; put the missing key back and "+
		"run this again, or set these secrets again", strings.Join(places, ", "))
}
