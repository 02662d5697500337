package file

import (
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

var acsKind = noun.Kind{Path: "acs/file/file", Type: "file.file", Component: "file.FileAlternateContentSource", Table: "file_alternate_content_sources",
	Doc: "A place that has files of other remotes, nearer or cheaper."}

// AlternateContentSources are manifests below the URL of a remote, the whole paths of the manifests included.
var AlternateContentSources = noun.ACSKind[noun.ACS]{
	Kind: acsKind, Row: func(a *noun.ACS) *noun.ACS { return a },
	Remotes: []string{remoteKind.Model()}, Repositories: Repositories,
	CheckPath: func(path string) error {
		if strings.HasPrefix(path, "/") {
			return errs.New(errs.Invalid, "Path cannot start with a slash: %q.", path)
		}
		return nil
	},
	Refresh: func(r noun.Refresh) task.Args {
		return syncArgs{Repository: r.Repository, RepositoryPRN: r.RepositoryPRN, Remote: r.Remote, RemotePRN: r.RemotePRN,
			ACS: r.ACS, ACSPRN: r.ACSPRN, URL: below(r.URL, r.Path), Optimize: true}
	},
}

// below appends a path to a URL; an empty one is the URL itself.
func below(url, path string) string {
	if path == "" || strings.HasSuffix(url, "/") {
		return url + path
	}
	return url + "/" + path
}

var _ resource.Mountable = AlternateContentSources
