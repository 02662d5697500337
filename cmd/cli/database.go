package cli

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/db"
)

// withDatabase opens a database that is up to date.
func (c *commands) withDatabase(ctx context.Context, work func(l *loaded, d *db.DB) error) error {
	l, err := c.load("", nil)
	if err != nil {
		return err
	}
	return withDatabaseOf(ctx, l, func(d *db.DB) error { return work(l, d) })
}

// withDatabaseOf is withDatabase where the settings are loaded already.
func withDatabaseOf(ctx context.Context, l *loaded, work func(d *db.DB) error) (err error) {
	d, err := node.OpenDatabase(ctx, l.Settings, statementsOf(ctx, l.log), true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := node.CheckCurrent(ctx, d, l.registry, l.log); err != nil {
		return err
	}
	return work(d)
}

// statementsOf is where the database tells of statements that are slow or have failed. What fails is said in words, as the
// error of the command; the statements are for those who have set log.level to debug.
func statementsOf(ctx context.Context, log *slog.Logger) *slog.Logger {
	if log.Enabled(ctx, slog.LevelDebug) {
		return log
	}
	return slog.New(slog.DiscardHandler)
}

// changing runs work in a transaction of a database that is up to date, and has it recorded.
func (c *commands) changing(cmd *cobra.Command, work func(l *loaded, tx *db.Tx) error) error {
	return c.withDatabase(cmd.Context(), func(l *loaded, d *db.DB) error {
		return c.recorded(cmd, l, func() error {
			return d.InTx(cmd.Context(), func(tx *db.Tx) error { return work(l, tx) })
		})
	})
}
