package node

import (
	"context"
	"log/slog"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// Reading is the API over a database, for commands that ask it and change nothing: it answers no request.
func Reading(d *db.DB, registry *app.Registry, s config.Settings, log *slog.Logger) (_ *api.Server, err error) {
	env := newEnv(s, log)
	env.DB = d
	mounted := registry.Mount(env)
	if env.Decider, err = NewDecider(d, registry, env.Declared, s); err != nil {
		return nil, err
	}
	return api.New(api.Options{
		Env: env, Operations: mounted.Operations, Domain: ident.DefaultDomain, Versions: registry.Versions(), Log: log,
		FindDomain: func(ctx context.Context, name string) (*model.Domain, error) { return domain.Named(ctx, d, name) },
	}), nil
}
