package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/migrations"
)

// Migrations makes the runner for the apps of the binary. Offline says that no process is running.
func Migrations(d *db.DB, registry *app.Registry, log *slog.Logger, offline bool) (*migrations.Runner, error) {
	histories, err := registry.Histories()
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, a := range registry.Apps() {
		versions[a.Label] = a.Version
	}
	online := func(ctx context.Context) ([]map[string]string, error) { return onlineVersions(ctx, d) }
	return migrations.New(d, histories, migrations.Options{AppVersions: versions, Log: log, Offline: offline, Online: online})
}

// onlineVersions are the versions of the apps in each process that is online.
func onlineVersions(ctx context.Context, d *db.DB) ([]map[string]string, error) {
	var rows []task.AppStatus
	if err := d.Read(ctx).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read which processes are online: %w", err)
	}
	var out []map[string]string
	for _, row := range rows {
		if !row.Online(db.Now()) {
			continue
		}
		versions := map[string]string{}
		if err := json.Unmarshal(row.Versions, &versions); err != nil {
			return nil, fmt.Errorf("read the versions of the process %s: %w", row.Name, err)
		}
		out = append(out, versions)
	}
	return out, nil
}

// CheckCurrent is errs.Conflict when migrations have to run before this binary can work.
func CheckCurrent(ctx context.Context, d *db.DB, registry *app.Registry, log *slog.Logger) error {
	runner, err := Migrations(d, registry, log, false)
	if err != nil {
		return err
	}
	pending, err := runner.Pending(ctx)
	if err != nil {
		return fmt.Errorf("look for migrations that have not run: %w", err)
	}
	if pending > 0 {
		return errs.New(errs.Conflict, "the database is not up to date, %d migrations have not run; run packhouse migrate", pending)
	}
	return nil
}
