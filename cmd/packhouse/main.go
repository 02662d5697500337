// Command packhouse keeps, versions and serves software packages. Which apps it is built of stands in package plugins.
package main

import (
	"os"

	"github.com/packhouse/packhouse/cmd/cli"
	"github.com/packhouse/packhouse/plugins"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

func main() { os.Exit(cli.Main(version, plugins.All()...)) }
