package cli

import (
	"log/slog"
	"maps"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/obs"
)

// loaded is what most commands begin with.
type loaded struct {
	*config.Loaded
	registry *app.Registry
	log      *slog.Logger
}

// load reads the settings for a mode (empty: for a command that ends by itself) and enables the apps that they name.
// Flags of the command itself come in as more, by setting key.
func (c *commands) load(mode string, more map[string]string) (*loaded, error) {
	registry := app.NewRegistry(c.Apps...)
	o, err := c.options(registry, mode, more)
	if err != nil {
		return nil, err
	}
	settings, err := config.Load(o)
	if err != nil {
		return nil, err
	}
	if err := registry.Enable(settings.Enabled); err != nil {
		return nil, err
	}
	log, err := obs.NewLog(c.Stderr, settings.Settings.Log.Level, settings.Settings.Log.Format)
	if err != nil {
		return nil, err
	}
	return &loaded{Loaded: settings, registry: registry, log: log}, nil
}

func (c *commands) options(registry *app.Registry, mode string, more map[string]string) (config.Options, error) {
	o := c.Config
	o.Plugins, o.Mode = registry.Plugins(), mode
	o.Files = append(o.Files[:len(o.Files):len(o.Files)], c.configFiles...)
	flags := map[string]string{}
	maps.Copy(flags, o.Flags)
	for _, text := range c.sets {
		if err := config.AddFlag(flags, text); err != nil {
			return o, misused("%w", err)
		}
	}
	if c.data != "" {
		flags["data"] = c.data
	}
	for key, value := range more {
		if value != "" {
			flags[key] = value
		}
	}
	o.Flags = flags
	return o, nil
}
