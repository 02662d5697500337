package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/migrations"
)

// waitPause is the time between two looks of migrate --wait.
const waitPause = time.Second

// withRunner does what only looks. A database file that does not exist is not made for that: an empty one in a
// temporary folder takes its place.
func withRunner(ctx context.Context, l *loaded, offline bool, look func(r *migrations.Runner) error) (err error) {
	d, err := node.OpenDatabase(ctx, l.Settings, l.log, true)
	if errs.Is(err, errs.NotFound) {
		var remove func() error
		d, remove, err = emptyDatabase(ctx, l)
		if err == nil {
			defer func() { err = errors.Join(err, remove()) }()
		}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	r, err := node.Migrations(d, l.registry, l.log, offline)
	if err != nil {
		return err
	}
	return look(r)
}

func emptyDatabase(ctx context.Context, l *loaded) (*db.DB, func() error, error) {
	dir, err := os.MkdirTemp("", "packhouse-plan-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	remove := func() error { return os.RemoveAll(dir) }
	s := l.Settings
	s.Database.URL = config.NewSecret("sqlite://" + filepath.Join(dir, "empty.db"))
	d, err := node.OpenDatabase(ctx, s, l.log, false)
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return d, remove, nil
}

// migrateWait looks until all migrations have run, and tells what it waits for whenever that changes.
func (c *commands) migrateWait(ctx context.Context, l *loaded) error {
	tick := time.NewTicker(waitPause)
	defer tick.Stop()
	told := ""
	for {
		reason, err := c.notYet(ctx, l)
		if err != nil || reason == "" {
			return err
		}
		if reason != told {
			c.say("waiting: %s\n", reason)
			told = reason
		}
		select {
		case <-ctx.Done():
			return errs.New(errs.Canceled, "stopped waiting for the migrations: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// notYet gives what keeps processes from starting and may pass by itself; empty when nothing does.
func (c *commands) notYet(ctx context.Context, l *loaded) (reason string, err error) {
	d, err := node.OpenDatabase(ctx, l.Settings, l.log, true)
	if errs.Is(err, errs.Unavailable) || errs.Is(err, errs.NotFound) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	r, err := node.Migrations(d, l.registry, l.log, false)
	if err != nil {
		return "", err
	}
	pending, err := r.Pending(ctx)
	if errs.Is(err, errs.Unavailable) {
		return err.Error(), nil
	}
	if err != nil || pending == 0 {
		return "", err
	}
	return fmt.Sprintf("%d migrations have not run", pending), nil
}
