// Package app is where a plugin says what it contributes. An App is a value: what can be listed is a field. Nothing
// is found by scanning and nothing registers itself, so what a binary can do is what its list of apps says.
package app

import (
	"io/fs"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// MakeAuthorizer makes an authorizer of an instance's parameters; what is wrong with them is an error.
type MakeAuthorizer func(i config.Instance) (auth.Authorizer, error)

// App is everything that a plugin contributes.
type App struct {
	// Label prefixes the plugin's tables, paths, permissions and settings, such as "file".
	Label string
	// Version of the plugin, as status/ and the OpenAPI document show it (PEP 440).
	Version string
	// Needs are the labels of apps that must be enabled too.
	Needs []string
	// Settings is a pointer to a struct of the plugin's own section of the settings; may be nil. See core/config.
	Settings any
	// Overlay changes defaults of the core's settings.
	Overlay map[string]any
	// Migrations are the plugin's *.sql files; their history is kept per app.
	Migrations fs.FS
	// Resources are what the REST API serves.
	Resources []resource.Mountable
	// Authorizers are the types of authorizers that operators may order in the setting authorizers, by name.
	Authorizers map[string]MakeAuthorizer
	// Tasks makes the handlers of the plugin's own tasks.
	Tasks func(env *resource.Env) []task.Handler
	// Schedules makes what is dispatched again and again; see task.Declare. What a setting turns off is left out.
	Schedules func(env *resource.Env) []task.Schedule
}
