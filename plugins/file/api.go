package file

import (
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// defaultManifest is the name of the list of files that clients look for.
const defaultManifest = "PULP_MANIFEST"

// The kinds of the plugin: paths, types, names and tables.
var (
	contentKind      = noun.Kind{Path: "content/file/files", Type: "file.file", Component: "file.FileContent", Table: "file_contents", Doc: "A file at a relative path."}
	repositoryKind   = noun.Kind{Path: "repositories/file/file", Type: "file.file", Component: "file.FileRepository", Table: "file_repositories", Doc: "A repository of files."}
	publicationKind  = noun.Kind{Path: "publications/file/file", Type: "file.file", Component: "file.FilePublication", Table: "file_publications", Doc: "A published version of a repository of files."}
	distributionKind = noun.Kind{Path: "distributions/file/file", Type: "file.file", Component: "file.FileDistribution", Table: "file_distributions", Doc: "A place under which files are served."}
)

// Contents are files.
var Contents = noun.ContentKind[Content]{
	Kind: contentKind,
	Row:  func(c *Content) *noun.Content { return &c.Content },
	Fields: []resource.Field[Content]{
		resource.Text("relative_path", func(c *Content) *string { return &c.RelativePath }).Required().Check(checkPath).Filters(resource.Lookups).
			Doc("Path where the artifact is located relative to distributions base_path."),
		resource.Hidden("d.digest", func(c *Content) *string { return &c.Digest }),
	},
	// The digest stands for the SHA-256 also while the artifact is not downloaded.
	Filters:      append(resource.Exactly("digest", "d.digest"), resource.Exactly("sha256", "d.digest")...),
	Repositories: []string{repositoryKind.Model()},
	NaturalKey:   []string{"relative_path", "digest"}, RepositoryKey: "relative_path", Paths: true,
	Artifact: func(c *Content, a *model.Artifact) (string, error) {
		c.Digest = a.SHA256
		return c.RelativePath, nil
	},
}

func checkPath(c *Content) error {
	if !ident.CleanPath(c.RelativePath) {
		return errs.New(errs.Invalid, "The path must be relative and may hold no white space, empty or dotted segments, '?' or '#'.")
	}
	return nil
}

// Repositories are repositories of files.
var Repositories = noun.RepositoryKind[Repository]{
	Kind: repositoryKind,
	Row:  func(r *Repository) *model.Repository { return &r.Repository },
	Fields: []resource.Field[Repository]{
		resource.Bool("autopublish", func(r *Repository) *bool { return &r.Autopublish }).Default(false).Doc("Whether to automatically create publications for new repository versions."),
		resource.NullText("manifest", func(r *Repository) **string { return &r.Manifest }).Default(defaultManifest).
			Check(func(r *Repository) error { return checkManifest(r.Manifest) }).Doc("Filename to use for manifest file containing metadata for all the files."),
		resource.JSON("last_sync_details", func(r *Repository) *model.JSON { return &r.LastSyncDetails }).ReadOnly().Initially(model.JSON("{}")),
	},
	Contents: []string{contentKind.Type},
	Remotes:  remoteModels(),
	Actions:  []resource.Action[Repository]{syncAction()}, Access: resource.Access{"sync": auth.Permission("file.sync_filerepository")},
	AfterVersion: autopublish,
}

// Publications are versions with a manifest.
var Publications = noun.PublicationKind[Publication]{
	Kind: publicationKind,
	Row:  func(p *Publication) *noun.Publication { return &p.Publication },
	Fields: []resource.Field[Publication]{
		resource.NullText("manifest", func(p *Publication) **string { return &p.Manifest }).Default(defaultManifest).
			Check(func(p *Publication) error { return checkManifest(p.Manifest) }).Doc("Filename to use for manifest file containing metadata for all the files."),
	},
	Publish: func(p *Publication) task.Args {
		return publishArgs{Repository: resource.PRN(repositoryKind.Model(), p.RepositoryID), Version: p.RepositoryVersionID, Manifest: p.Manifest, Checkpoint: p.Checkpoint}
	},
}

func checkManifest(name *string) error {
	if name != nil && !ident.CleanPath(*name) {
		return errs.New(errs.Invalid, "The name of the manifest must be a relative path without white space.")
	}
	return nil
}

// Distributions serve publications.
var Distributions = noun.DistributionKind[Distribution]{
	Kind:               distributionKind,
	Row:                func(d *Distribution) *noun.Distribution { return &d.Distribution },
	ServesPublications: true, PathKeyed: "file.file",
	Usage: usage, PullThrough: pullThrough(),
}
