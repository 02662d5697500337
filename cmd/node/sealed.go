package node

import (
	"log/slog"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/secret"
	"github.com/packhouse/packhouse/tasks"
)

// Sealed lists where sealed values are stored, as the apps and the machines declare it. The registry must have all apps
// of the binary, enabled or not: a plugin that is not in use now may have secrets.
func Sealed(registry *app.Registry, s config.Settings, log *slog.Logger) []secret.Column {
	env := newEnv(s, log)
	registry.Mount(env)
	env.Seals(tasks.Sealed(), tasks.SealedSchedules(), domain.Sealed())
	env.Seals(audit.Sealed()...)
	return env.Sealed()
}

// Keys opens the key file of an installation that is in use.
func Keys(s config.Settings) (*secret.Box, error) { return openKeys(s) }

// ReloadKeys reads the key file again; on an error the keys stay as they were.
func (n *Node) ReloadKeys() error { return n.box.Reload() }
