// Package file is the plugin for plain files: repositories of files by relative path, published with a manifest that
// lists them. Read it to see how a plugin is written:
//
//	file.go      what the plugin contributes
//	model.go     its rows
//	api.go       its resources, each declared once
//	remotes.go   where files come from
//	acs.go       where they can be had instead
//	publish.go   its task that publishes
//	sync.go      its task that brings an upstream in; gitsync.go the same from git, lines.go what it remembers
//	pull.go      what its distributions pull through
//	usage.go     what people are told to do with it
//	manifest.go  the format PULP_MANIFEST, pure; readmanifest.go reads it
//	gitsource/   reads git repositories
//	migrations/  its tables
package file

import (
	"embed"
	"io/fs"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/resource"
)

//go:embed migrations/*.sql
var files embed.FS

// App is the plugin.
func App() *app.App {
	return &app.App{
		Label: "file", Version: "3.117.0", Needs: []string{app.Core}, Migrations: migrations(),
		Resources: []resource.Mountable{Contents, Repositories, Remotes, GitRemotes, AlternateContentSources, Publications, Distributions},
		Tasks:     handlers,
	}
}

func migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic("the migrations of the file plugin are not embedded: " + err.Error())
	}
	return sub
}
