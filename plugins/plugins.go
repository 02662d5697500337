// Package plugins is the list of what this binary is built of. To build another binary, copy this list and cmd/packhouse.
package plugins

import (
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/base"
	"github.com/packhouse/packhouse/plugins/certguard"
	"github.com/packhouse/packhouse/plugins/file"
)

// All are the apps of the binary, the core's own first. Every call gives fresh values.
func All() []*app.App { return []*app.App{base.App(), file.App(), certguard.App()} }
