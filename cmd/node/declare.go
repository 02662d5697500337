package node

import (
	"log/slog"
	"time"

	"github.com/packhouse/packhouse/core/api"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
)

// newEnv is what resources get from the settings; what runs is added to it later.
func newEnv(s config.Settings, log *slog.Logger) *resource.Env {
	kinds := resource.NewRegistry()
	origin := ""
	if s.ContentOrigin != nil {
		origin = *s.ContentOrigin
	}
	return &resource.Env{
		Declared:         auth.NewDeclared(),
		Registry:         kinds,
		Names:            resource.Names{Root: s.APIRoot, Content: origin + s.ContentPathPrefix, Kinds: kinds, Domains: s.DomainEnabled},
		Log:              log,
		PageSize:         s.PageSize,
		MaxBody:          s.MaxBodySize,
		ImportPaths:      s.AllowedImportPaths,
		Diagnostics:      s.TaskDiagnostics,
		TaskLimit:        TaskLimit(s),
		OrphanProtection: time.Duration(s.OrphanProtectionTime) * time.Minute,

		UploadProtection:  time.Duration(s.UploadProtectionTime) * time.Minute,
		TaskProtection:    time.Duration(s.TaskProtectionTime) * time.Minute,
		TmpfileProtection: time.Duration(s.TmpfileProtectionTime) * time.Minute,
	}
}

// Declared is the API as the enabled apps declare it, for its OpenAPI document. It needs no database and answers no
// request.
func Declared(registry *app.Registry, s config.Settings, log *slog.Logger) *api.Server {
	env := newEnv(s, log)
	mounted := registry.Mount(env)
	return api.New(api.Options{Env: env, Operations: mounted.Operations, Domain: ident.DefaultDomain, Versions: registry.Versions(), Log: log})
}
