// Package base is the core's own app: what every Packhouse serves whatever its plugins. The core is itself an app, so
// there is one way to do things.
package base

import (
	"io/fs"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/guard"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// Version is the version of the REST contract that the core speaks, as clients gate on it.
const Version = "3.117.0"

// App is the core's app.
func App() *app.App {
	return &app.App{
		Label: app.Core, Version: Version, Migrations: migrations(),
		Resources: append([]resource.Mountable{
			Users(), UserRoles(), Groups(), Members(), GroupRoles(), Roles(), AccessPolicies(),
			Domains(), Artifacts(), Uploads(), Tasks(), TaskGroups(), Workers(), Schedules(),
			Contents(), Repositories(), RepositoryVersions(), Remotes(), Publications(), Distributions(), ArtifactDistributions(), ContentGuards(),
			Repair(), CleanOrphans(), DeleteOrphans(), ReclaimSpace(), AuditEntries(), Tokens(), Profile(),
		}, guard.Resources()...),
		Authorizers: authorizers(),
		Tasks:       handlers,
		Schedules:   declaredSchedules,
	}
}

func migrations() fs.FS {
	sub, err := fs.Sub(model.Migrations, "migrations")
	if err != nil {
		panic("the core's migrations are not embedded: " + err.Error())
	}
	return sub
}
