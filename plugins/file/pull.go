package file

import (
	"path"
	"strings"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/serve"
)

// pullThrough lets distributions ask the upstream of a remote for files that they do not have. The URL of a remote names a
// manifest; files lie beside it, whether the manifest lists them or not.
func pullThrough() *noun.PullThrough {
	return &noun.PullThrough{
		Remotes: []string{remoteKind.Model()}, Repositories: []noun.Kind{repositoryKind},
		Folder: folder, Unit: pulledUnit,
	}
}

// pulledUnit makes a file a unit. A manifest is none: it says what the upstream has at the moment.
func pulledUnit(at string) serve.MakeUnit {
	if !ident.CleanPath(at) || path.Base(at) == defaultManifest || strings.HasPrefix(at, "#") {
		return nil
	}
	return Contents.KeepUnit(func() *Content { return &Content{RelativePath: at} })
}
