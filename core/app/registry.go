package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/repository"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/task"
)

// Registry is the list of apps that a binary is built of, each after the apps that it needs.
type Registry struct {
	apps    []*App
	enabled []*App
}

// NewRegistry orders apps. A missing or doubled label is a wiring mistake and panics.
func NewRegistry(apps ...*App) *Registry {
	r := &Registry{}
	byLabel := map[string]*App{}
	for _, a := range apps {
		if byLabel[a.Label] != nil || a.Label == "" {
			panic(fmt.Sprintf("the app label %q is empty or used twice", a.Label))
		}
		byLabel[a.Label] = a
	}
	var place func(a *App, above []string)
	place = func(a *App, above []string) {
		if slices.Contains(r.apps, a) {
			return
		}
		if slices.Contains(above, a.Label) {
			panic("apps need each other in a circle: " + strings.Join(append(above, a.Label), " → "))
		}
		for _, need := range a.Needs {
			if byLabel[need] == nil {
				panic(fmt.Sprintf("the app %q needs %q, which is not in this binary", a.Label, need))
			}
			place(byLabel[need], append(above, a.Label))
		}
		r.apps = append(r.apps, a)
	}
	for _, a := range apps {
		place(a, nil)
	}
	r.enabled = r.apps
	return r
}

// Apps are all apps of the binary.
func (r *Registry) Apps() []*App { return r.apps }

// Enabled are the apps that run.
func (r *Registry) Enabled() []*App { return r.enabled }

// Enable keeps the apps with the labels, and the core; nil enables all. An app whose needs are not enabled is an error.
func (r *Registry) Enable(labels []string) error {
	if labels == nil {
		return nil
	}
	r.enabled = nil
	for _, a := range r.apps {
		if a.Label != Core && !slices.Contains(labels, a.Label) {
			continue
		}
		for _, need := range a.Needs {
			if need != Core && !slices.Contains(labels, need) {
				return errs.New(errs.Invalid, "the plugin %q needs %q; add it to enabled_plugins", a.Label, need)
			}
		}
		r.enabled = append(r.enabled, a)
	}
	return nil
}

// Core is the label of the core's own app.
const Core = "core"

// Plugins are the apps as the settings see them.
func (r *Registry) Plugins() []config.Plugin {
	var plugins []config.Plugin
	for _, a := range r.apps {
		if a.Label != Core {
			plugins = append(plugins, config.Plugin{Label: a.Label, Settings: a.Settings, Overlay: a.Overlay})
		}
	}
	return plugins
}

// Histories are the migrations of all apps, enabled or not: a disabled plugin's tables stay up to date.
func (r *Registry) Histories() ([]schema.History, error) {
	var histories []schema.History
	for _, a := range r.apps {
		if a.Migrations == nil {
			continue
		}
		migrations, err := schema.FromFS(a.Migrations)
		if err != nil {
			return nil, fmt.Errorf("migrations of %s: %w", a.Label, err)
		}
		histories = append(histories, schema.History{App: a.Label, Needs: a.Needs, Migrations: migrations})
	}
	return histories, nil
}

// Versions are the versions of the enabled apps by label.
func (r *Registry) Versions() map[string]string {
	versions := map[string]string{}
	for _, a := range r.enabled {
		versions[a.Label] = a.Version
	}
	return versions
}

// Mounted is what the enabled apps come to.
type Mounted struct {
	Operations []resource.Operation
	Handlers   []task.Handler
	Served     []serve.Kind
	Guards     []serve.GuardKind
	Schedules  []task.Declared
}

// Mount makes routes, tasks and served types of the enabled apps' declarations and completes env with what resources
// need of each other. It reads declarations only, so it needs no database.
func (r *Registry) Mount(env *resource.Env) Mounted {
	var out Mounted
	var types []repository.ContentType
	each := func(do func(m resource.Mountable)) {
		for _, a := range r.enabled {
			for _, m := range a.Resources {
				do(m)
			}
		}
	}
	each(func(m resource.Mountable) {
		m.Register(env.Registry)
		if c, ok := m.(interface{ ContentType() repository.ContentType }); ok {
			types = append(types, c.ContentType())
		}
		if d, ok := m.(interface{ Serves() serve.Kind }); ok {
			out.Served = append(out.Served, d.Serves())
		}
	})
	env.Versions = repository.NewCommitter(types...)
	each(func(m resource.Mountable) {
		out.Operations = append(out.Operations, m.Mount(env)...)
		if g, ok := m.(interface {
			Guards(env *resource.Env) serve.GuardKind
		}); ok {
			out.Guards = append(out.Guards, g.Guards(env))
		}
		if v, ok := m.(interface {
			After(env *resource.Env) (string, repository.AfterVersion)
		}); ok {
			env.OnVersion(v.After(env))
		}
	})
	out.Handlers = append(env.Handlers(), env.Versions.Handlers(env.AfterVersion)...)
	for _, a := range r.enabled {
		if a.Tasks != nil {
			out.Handlers = append(out.Handlers, a.Tasks(env)...)
		}
		declared := task.Declared{Origin: a.Label}
		if a.Schedules != nil {
			declared.Schedules = a.Schedules(env)
		}
		out.Schedules = append(out.Schedules, declared)
	}
	env.Kinds = map[string]task.Handler{}
	for _, h := range out.Handlers {
		env.Kinds[h.Kind()] = h
	}
	return out
}
