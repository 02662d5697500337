package cli

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/reseal"
	"github.com/packhouse/packhouse/core/secret"
)

func (c *commands) keys() *cobra.Command {
	return group(&cobra.Command{
		Use:   "keys",
		Short: "List, add and retire the keys that seal secrets in the database",
		Long: `The key file (setting db_encryption_key) holds one key a line. The first one seals, all of them open. To change the
key: add a new one, promote it, rotate, and remove the old one. Nothing has to be stopped for that: processes notice a
changed key file by themselves, and read it when they get SIGHUP. Where hosts have copies of the file, bring the new
file to all of them after each step. No command ever prints a key.`,
		Example: `  packhouse keys list
  packhouse keys add
  packhouse keys promote 4f1c0d2ab7e89356
  packhouse keys rotate
  packhouse keys remove 91d7e30c5b2a4468`,
	}, c.keysList(), c.keysAdd(), c.keysPromote(), c.keysRotate(), c.keysRemove())
}

// withSecrets opens the keys and the database for work on what is sealed.
func (c *commands) withSecrets(ctx context.Context, do func(l *loaded, w reseal.Work) error) error {
	l, err := c.load("", nil)
	if err != nil {
		return err
	}
	box, err := node.Keys(l.Settings)
	if err != nil {
		return err
	}
	return withDatabaseOf(ctx, l, func(d *db.DB) error {
		columns := node.Sealed(app.NewRegistry(c.Apps...), l.Settings, l.log)
		return do(l, reseal.Work{DB: d, Box: box, Columns: columns})
	})
}

func (c *commands) keysList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Print the ids of the keys, which one seals, and how many secrets each has sealed",
		Example: `  packhouse keys list`,
		Args:    words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withSecrets(cmd.Context(), func(_ *loaded, w reseal.Work) error {
				tallies, err := w.Count(cmd.Context())
				if err != nil {
					return err
				}
				return c.printKeys(w.Box.IDs(), sums(tallies))
			})
		},
	}
}

// sums adds up what each key has sealed.
func sums(tallies []reseal.Tally) map[string]int {
	by := map[string]int{}
	for _, t := range tallies {
		by[t.Key] += t.Values
	}
	return by
}

func (c *commands) printKeys(ids []string, sealed map[string]int) error {
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	line := func(id, use string) {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\n", id, use, sealed[id]) // Flush tells the error
		delete(sealed, id)
	}
	_, _ = fmt.Fprintf(table, "KEY\tUSE\tSECRETS\n")
	for i, id := range ids {
		if i == 0 {
			line(id, "seals and opens")
			continue
		}
		line(id, "opens")
	}
	var unknown []string
	for id := range sealed {
		if id != "" {
			unknown = append(unknown, id)
		}
	}
	slices.Sort(unknown)
	for _, id := range unknown {
		line(id, "not in the key file")
	}
	if sealed[""] > 0 {
		_, _ = fmt.Fprintf(table, "-\tnot sealed, unreadable\t%d\n", sealed[""])
	}
	return table.Flush()
}

func (c *commands) keysAdd() *cobra.Command {
	return &cobra.Command{
		Use:     "add",
		Short:   "Put a new key into the key file, which only opens until it is promoted",
		Example: `  packhouse keys add`,
		Args:    words(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			l, err := c.load("", nil)
			if err != nil {
				return err
			}
			id, err := secret.Add(l.Settings.DBEncryptionKey)
			if err != nil {
				return err
			}
			c.say("added a key to %s; back the file up, bring it to all hosts, then run: packhouse keys promote %s\n", l.Settings.DBEncryptionKey, id)
			return c.print("%s\n", id)
		},
	}
}

func (c *commands) keysPromote() *cobra.Command {
	return &cobra.Command{
		Use:     "promote ID",
		Short:   "Make a key of the key file the one that seals",
		Example: `  packhouse keys promote 4f1c0d2ab7e89356`,
		Args:    words(1, 1, "ID"),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := c.load("", nil)
			if err != nil {
				return err
			}
			if err := secret.Promote(l.Settings.DBEncryptionKey, args[0]); err != nil {
				return err
			}
			c.say("the key %s seals from now on; bring %s to all hosts, then run: packhouse keys rotate\n", args[0], l.Settings.DBEncryptionKey)
			return nil
		},
	}
}

func (c *commands) keysRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID",
		Short: "Take a key out of the key file that has sealed nothing any more",
		Long: `Refuses while anything is sealed with the key, and while it is the one that seals. Secrets in old backups of the
database are sealed with it still: keep a copy of the file with them.`,
		Example: `  packhouse keys remove 91d7e30c5b2a4468`,
		Args:    words(1, 1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withSecrets(cmd.Context(), func(l *loaded, w reseal.Work) error {
				unused := func() error { return refuseUsed(cmd.Context(), w, args[0]) }
				if err := unused(); err != nil {
					return err
				}
				// Again once it is out: a change that was under way may have been sealed with it a moment before.
				err := c.recorded(cmd, l, func() error { return secret.RemoveIf(l.Settings.DBEncryptionKey, args[0], unused) })
				if err != nil {
					return err
				}
				c.say("removed the key %s; bring %s to all hosts\n", args[0], l.Settings.DBEncryptionKey)
				return nil
			})
		},
	}
}

// refuseUsed refuses the key that seals, and one that has sealed what is stored.
func refuseUsed(ctx context.Context, w reseal.Work, id string) error {
	if id == w.Box.IDs()[0] {
		return errs.New(errs.Conflict, "the key %s seals; promote another one first, then run packhouse keys rotate", id)
	}
	tallies, err := w.Count(ctx)
	if err != nil {
		return err
	}
	if n := sums(tallies)[id]; n > 0 {
		return errs.New(errs.Conflict, "%d secrets are still sealed with the key %s; run packhouse keys rotate first", n, id)
	}
	return nil
}
