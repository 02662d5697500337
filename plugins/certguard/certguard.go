// Package certguard is the plugin for content guards that look at client certificates:
//
//	certguard.go    what the plugin contributes
//	api.go          its guards, each declared once
//	client.go       the certificate that comes with a request
//	chain.go        whether it is to be trusted
//	entitlement.go  which paths an entitlement certificate names
//	pathtree.go     the packed form in which newer ones name them
//	migrations/     its tables
package certguard

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
		Label: "certguard", Version: "3.117.0", Needs: []string{app.Core}, Migrations: migrations(),
		Resources: []resource.Mountable{X509Guards, RHSMGuards},
	}
}

func migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic("the migrations of the certguard plugin are not embedded: " + err.Error())
	}
	return sub
}
