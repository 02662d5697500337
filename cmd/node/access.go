package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db"
)

// NewDecider makes what decides about access, of what the enabled apps declare and the settings say. Mistakes in
// access_policies and authorizers are Invalid.
func NewDecider(d *db.DB, registry *app.Registry, declared *auth.Declared, s config.Settings) (*auth.Decider, error) {
	overrides, err := auth.ReadPolicies(s.AccessPolicies, declared)
	if err != nil {
		return nil, err
	}
	authorizers, err := registry.Authorizers(s.Authorizers)
	if err != nil {
		return nil, err
	}
	return auth.NewDecider(auth.Options{DB: d, Declared: declared, Overrides: overrides, Authorizers: authorizers, GroupNames: s.GroupNames})
}

// DeclaredAccess is what the enabled apps declare about access.
func DeclaredAccess(registry *app.Registry, s config.Settings) *auth.Declared {
	env := newEnv(s, slog.New(slog.NewTextHandler(io.Discard, nil)))
	registry.Mount(env)
	return env.Declared
}

// access brings the locked roles and the list of policies in line with the binary.
func (s Setup) access(ctx context.Context, d *db.DB) error {
	if err := auth.Sync(ctx, d, DeclaredAccess(s.Registry, s.Settings)); err != nil {
		return fmt.Errorf("bring roles and access policies up to date: %w", err)
	}
	return nil
}
